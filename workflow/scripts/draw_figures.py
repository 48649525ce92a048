"""Draw the figures of an experiment."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.figures import draw_figures
from papertune.study import uses

with job(snakemake, uses.report) as given:
    draw_figures(
        given["layout"],
        Path(snakemake.output.matrix[0]).parent,
        matrix=Path(snakemake.input.matrix),
        counts=Path(snakemake.input.counts),
    )
