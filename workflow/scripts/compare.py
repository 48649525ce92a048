"""Compare the models of an experiment on all of its test sets: the matrix."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.matrix import compare
from papertune.progress import job_log

with job_log(snakemake.log[0]):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    compare(
        dict(zip(snakemake.params.cells, map(Path, snakemake.input.scores), strict=True)),
        Path(snakemake.output.matrix),
        metrics=experiment.metrics,
        baseline=experiment.baseline,
        comparison=experiment.comparison,
    )
