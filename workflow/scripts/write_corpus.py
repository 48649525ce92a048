"""Write an experiment's training text, for pre-training a base of any experiment."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.study import uses
from papertune.training.corpus import write_corpus

with job(snakemake, uses.write_corpus) as given:
    write_corpus(
        documents=[Path(path) for path in snakemake.input.documents],
        pairs=[Path(path) for path in snakemake.input.pairs],
        output=Path(snakemake.output.corpus),
        **given,
    )
