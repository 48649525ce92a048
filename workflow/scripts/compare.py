"""Compare the models of an experiment on all of its test sets: the matrix."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.scores.matrix import compare
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    compare(
        dict(zip(snakemake.params.cells, map(Path, snakemake.input.scores), strict=True)),
        Path(snakemake.output.matrix),
        metrics=experiment.metrics,
        baseline=experiment.baseline,
        comparison=experiment.comparison,
    )
