"""List the documents of all experiments again and replace the listings that changed."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.job import job
from papertune.sources.refresh import refresh_listings

with job(snakemake):
    refresh_listings(
        {name: load_experiment(path) for name, path in snakemake.config["files"].items()},
        cache=Path(snakemake.config["store"], "http"),
    )
