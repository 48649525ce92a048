"""Write the measured figures beside the published ones."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.tables import write_published
from papertune.study import uses

with job(snakemake, uses.report) as given:
    write_published(
        given["layout"].experiment,
        Path(snakemake.output[0]).parent,
        matrix=Path(snakemake.input.matrix),
    )
