"""Pack the collected documents of an experiment for a machine without internet."""

from pathlib import Path

from papertune.collect.bundle import pack
from papertune.jobs.job import job

with job(snakemake):
    pack(snakemake.input, Path(snakemake.config["store"]), Path(snakemake.output.bundle))
