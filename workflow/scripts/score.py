"""Score one model's answers to one test set."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.scores.scoring import score_answers
from papertune.study.experiment_file import load_experiment

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
