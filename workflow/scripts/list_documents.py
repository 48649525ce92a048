"""List the documents of one year of a source."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.job import job
from papertune.sources.collect import list_documents

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    list_documents(
        experiment.source,
        experiment.fetching,
        int(snakemake.wildcards.year),
        output=Path(snakemake.output.listing),
        rejected=Path(snakemake.output.rejected),
        cache=Path(snakemake.config["store"], "http"),
    )
