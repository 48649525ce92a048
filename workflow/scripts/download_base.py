"""Bring a model of the Hub, at one revision, into a folder that offline jobs read."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.models.download import download_model

with job(snakemake):
    download_model(
        snakemake.wildcards.hub.replace("--", "/"),
        snakemake.wildcards.revision,
        Path(snakemake.output.folder),
    )
