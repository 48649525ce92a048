"""Render pages that gave no abstract without JavaScript, in a headless browser."""

from pathlib import Path

from papertune.collect.steps import render_documents
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.find_texts) as given:
    render_documents(
        listing=Path(snakemake.input.listing),
        fetched=Path(snakemake.input.fetched),
        output=Path(snakemake.output.documents),
        missing=Path(snakemake.output.missing),
        store=Path(snakemake.config["store"]),
        cache=Path(snakemake.config["store"], "http"),
        **given,
    )
