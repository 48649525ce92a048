"""Fetch the landing pages of one year's documents and extract the abstracts."""

from pathlib import Path

from papertune.collect.steps import fetch_documents
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.find_texts) as given:
    fetch_documents(
        listing=Path(snakemake.input.listing),
        output=Path(snakemake.output.fetched),
        store=Path(snakemake.config["store"]),
        cache=Path(snakemake.config["store"], "http"),
        **given,
    )
