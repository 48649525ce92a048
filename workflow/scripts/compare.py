"""Compare the models of an experiment on all of its test sets: the matrix."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.scores.matrix import compare
from papertune.study import uses

with job(snakemake, uses.compare) as given:
    scores = dict(zip(given.pop("cells"), map(Path, snakemake.input.scores), strict=True))
    compare(scores, Path(snakemake.output.matrix), **given)
