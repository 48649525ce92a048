"""Papertune: collect documents, have pairs written about them, fine-tune, and score.

The library knows nothing of Snakemake; the scripts beside this package call it with plain
arguments. `docs/architecture.md` describes its rooms (subpackages).
"""

VERSION = "0.1.0"  # of CITATION.cff

# A room imports only from rooms listed before it. Modules directly in this package import from
# no room.
ROOMS = (
    "sandbox",
    "metrics",
    "study",
    "jobs",
    "servers",
    "demo",
    "collect",
    "examples",
    "models",
    "answering",
    "scores",
    "leakage",
    "filter",
    "generators",
    "training",
    "footprint",
    "cluster",
    "starter",
    "chat",
    "report",
    "preview",
    "publish",
)
