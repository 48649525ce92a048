"""Write the card of a dataset folder."""

from pathlib import Path

from papertune.generators.datasets import describe_dataset
from papertune.jobs.job import job

with job(snakemake):
    describe_dataset(
        splits=[Path(path) for path in snakemake.input.splits],
        output=Path(snakemake.output.card),
        title=snakemake.params.title,
        name=f"{snakemake.wildcards.experiment}-{snakemake.wildcards.generator}",
        generator=snakemake.params.generator,
    )
