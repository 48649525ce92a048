"""Score one model's answers to one test set."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.scores.scoring import score_answers
from papertune.study import uses

with job(snakemake, uses.score) as given:
    score_answers(
        answers=Path(snakemake.input.answers),
        output=Path(snakemake.output.scores),
        store=Path(snakemake.config["store"]),
        threads=snakemake.threads,
        **given,
    )
