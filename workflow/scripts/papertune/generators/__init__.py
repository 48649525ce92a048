"""Generators: writing pairs about documents, and reading and checking what was written."""
