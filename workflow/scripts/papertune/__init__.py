"""Papertune: collect documents, have pairs written about them, fine-tune, and score.

The library knows nothing of Snakemake; the scripts beside this package call it with plain
arguments. Imports go one way: errors, identity → records → store → settings → everything else.
"""
