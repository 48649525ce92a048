"""Make one split of a dataset from the pairs that a generator wrote."""

from pathlib import Path

from papertune.generators.datasets import build_dataset
from papertune.jobs.job import job

with job(snakemake):
    build_dataset(
        pairs=Path(snakemake.input.pairs),
        output=Path(snakemake.output.dataset),
        rejected=Path(snakemake.output.rejected),
    )
