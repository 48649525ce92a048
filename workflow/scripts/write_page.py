"""Write the report of an experiment as one page."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.page import write_page
from papertune.study import uses

with job(snakemake, uses.report) as given:
    write_page(
        given["layout"],
        Path(snakemake.output.page),
        matrix=Path(snakemake.input.matrix),
        writers=Path(snakemake.input.writers),
        counts=Path(snakemake.input.counts),
        cost=Path(snakemake.input.cost),
        figures=Path(snakemake.input.figures[0]).parent,
        store=Path(snakemake.config["store"]),
    )
