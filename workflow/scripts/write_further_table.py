"""Write a table that only some experiments have."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.tables import write_further
from papertune.study import uses

with job(snakemake, uses.write_further_table) as given:
    write_further(
        snakemake.wildcards.further,
        given["layout"].experiment,
        Path(snakemake.output[0]).parent,
        matrix=Path(snakemake.input.matrix),
    )
