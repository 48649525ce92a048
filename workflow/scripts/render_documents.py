"""Render the pages that gave no abstract as they came, with a headless browser."""

from pathlib import Path

from papertune.collect.steps import render_documents
from papertune.jobs.job import job
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    render_documents(
        experiment.source,
        experiment.fetching,
        listing=Path(snakemake.input.listing),
        fetched=Path(snakemake.input.fetched),
        output=Path(snakemake.output.documents),
        missing=Path(snakemake.output.missing),
        store=Path(snakemake.config["store"]),
        cache=Path(snakemake.config["store"], "http"),
    )
