"""Write the tables of an experiment as CSV, Markdown and LaTeX."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.tables import write_tables
from papertune.study import uses

with job(snakemake, uses.report) as given:
    write_tables(
        given["layout"],
        Path(snakemake.output.text).parent,
        matrix=Path(snakemake.input.matrix),
        writers=Path(snakemake.input.writers),
        counts=Path(snakemake.input.counts),
    )
