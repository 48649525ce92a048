"""Draw the figures of an experiment."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.figures import draw_figures
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    draw_figures(
        Layout(name, experiment),
        Path(snakemake.output.matrix).parent,
        matrix=Path(snakemake.input.matrix),
        counts=Path(snakemake.input.counts),
    )
