"""List the documents of all experiments again and replace the listings that changed."""

from pathlib import Path

from papertune.collect.refresh import refresh_listings
from papertune.jobs.job import job
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    refresh_listings(
        {name: load_experiment(path) for name, path in snakemake.config["files"].items()},
        cache=Path(snakemake.config["store"], "http"),
    )
