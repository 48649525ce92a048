"""Download a model from the Hub, at one revision, to a folder for offline jobs."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.models.download import download_model
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    folder = snakemake.output.folder
    studies = [
        Layout(name, load_experiment(path), snakemake.config["resources"])
        for name, path in snakemake.config["files"].items()
    ]
    download_model(
        snakemake.wildcards.hub.replace("--", "/"),
        snakemake.wildcards.revision,
        Path(folder),
        base=any(folder in study.language_models() for study in studies),
    )
