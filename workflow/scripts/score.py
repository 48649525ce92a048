"""Score one model's answers to one test set."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.job import job
from papertune.scoring import score_answers

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    score_answers(
        answers=Path(snakemake.input.answers),
        output=Path(snakemake.output.scores),
        metrics=experiment.metrics,
        embedder=experiment.embedder,
        store=Path(snakemake.config["store"]),
        embedder_folder=snakemake.input.embedder or None,
        threads=snakemake.threads,
    )
