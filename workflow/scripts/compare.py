"""Compare the models of an experiment on all of its test sets: the matrix and its inputs."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.scores.comparing import compare
from papertune.study import uses

with job(snakemake, uses.compare) as given:
    scores = dict(zip(given.pop("cells"), map(Path, snakemake.input.scores), strict=True))
    compare(scores, **given, **dict(snakemake.output.items()), store=snakemake.config["store"])
