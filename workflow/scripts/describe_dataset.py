"""Write the card of a dataset folder."""

from pathlib import Path

from papertune.generators.synthesis import describe_dataset
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.describe_dataset) as given:
    describe_dataset(
        splits=[Path(path) for path in snakemake.input.splits],
        taken_out=[Path(path) for path in snakemake.input.taken_out],
        rejected=[Path(path) for path in snakemake.input.rejected],
        output=Path(snakemake.output.card),
        **given,
    )
