"""Make one split of a dataset from the pairs that a generator wrote."""

from pathlib import Path

from papertune.datasets import build_dataset
from papertune.progress import job_log

with job_log(snakemake.log[0]):
    build_dataset(
        pairs=Path(snakemake.input.pairs),
        output=Path(snakemake.output.dataset),
        rejected=Path(snakemake.output.rejected),
    )
