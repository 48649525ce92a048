"""Compare the models of an experiment again, without the suspect documents."""

import shutil
from pathlib import Path

from papertune.jobs.job import job
from papertune.records import Suspect, read_records
from papertune.scores.comparing import compare
from papertune.study import uses

with job(snakemake, uses.compare) as given:
    scores = dict(zip(given.pop("cells"), map(Path, snakemake.input.scores), strict=True))
    without = {one.document for one in read_records(snakemake.input.suspects, Suspect)}
    if without:
        compare(scores, matrix=snakemake.output.matrix, without=without, **given)
    else:
        shutil.copyfile(snakemake.input.matrix, snakemake.output.matrix)
