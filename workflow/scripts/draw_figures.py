"""Draw the figures of an experiment."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.figures import draw_figures
from papertune.layout import Layout
from papertune.progress import job_log

with job_log(snakemake.log[0]):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    draw_figures(
        experiment,
        Path(snakemake.output.matrix).parent,
        matrix=Path(snakemake.input.matrix),
        counts=Path(snakemake.input.counts),
        models=Layout(name, experiment).models(),
    )
