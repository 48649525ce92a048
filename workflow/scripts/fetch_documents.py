"""Fetch the landing pages of one year's documents and take the abstracts from them."""

from pathlib import Path

from papertune.collect.steps import fetch_documents
from papertune.jobs.job import job
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    fetch_documents(
        experiment.source,
        experiment.fetching,
        listing=Path(snakemake.input.listing),
        output=Path(snakemake.output.fetched),
        store=Path(snakemake.config["store"]),
        cache=Path(snakemake.config["store"], "http"),
    )
