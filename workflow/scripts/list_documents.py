"""List the documents of one year, or part, of a source."""

from pathlib import Path

from papertune.collect.steps import list_documents
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.list_documents) as given:
    list_documents(
        output=Path(snakemake.output.listing),
        rejected=Path(snakemake.output.rejected),
        cache=Path(snakemake.config["store"], "http"),
        **given,
    )
