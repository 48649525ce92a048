"""Compare the models of an experiment on all of its test sets: the matrix."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.job import job
from papertune.matrix import compare

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    compare(
        dict(zip(snakemake.params.cells, map(Path, snakemake.input.scores), strict=True)),
        Path(snakemake.output.matrix),
        metrics=experiment.metrics,
        baseline=experiment.baseline,
        comparison=experiment.comparison,
    )
