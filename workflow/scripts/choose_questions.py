"""Choose the questions of a test set from a generator's pairs."""

from pathlib import Path

from papertune.answering.questions import choose_questions
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.choose_questions) as given:
    choose_questions(Path(snakemake.input.pairs), output=Path(snakemake.output.chosen), **given)
