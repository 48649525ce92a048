"""Draw the figures of an experiment's series of trials."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.trials import draw_trials
from papertune.study import uses

with job(snakemake, uses.report) as given:
    draw_trials(
        given["layout"],
        Path(snakemake.output.metric[0]).parent,
        matrix=Path(snakemake.input.matrix),
    )
