"""Bring a model of the Hub, at one revision, into a folder that offline jobs read."""

from pathlib import Path

from papertune.download import download_model
from papertune.job import job

with job(snakemake):
    download_model(
        snakemake.wildcards.hub.replace("--", "/"),
        snakemake.wildcards.revision,
        Path(snakemake.output.folder),
    )
