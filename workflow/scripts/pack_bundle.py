"""Pack what was collected for an experiment, for a machine without internet."""

from pathlib import Path

from papertune.job import job
from papertune.sources.bundle import pack

with job(snakemake):
    pack(snakemake.input, Path(snakemake.config["store"]), Path(snakemake.output.bundle))
