"""List the documents of one year, or part, of a source."""

from pathlib import Path

from papertune.collect.steps import list_documents
from papertune.jobs.job import job
from papertune.study.experiment_file import load_experiment
from papertune.study.splits import chooser

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    year = snakemake.wildcards.year
    part = int(year) if year.isdigit() else year
    list_documents(
        experiment.source,
        experiment.fetching,
        part,
        mine=chooser(part, experiment.splits),
        output=Path(snakemake.output.listing),
        rejected=Path(snakemake.output.rejected),
        cache=Path(snakemake.config["store"], "http"),
    )
