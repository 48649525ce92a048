"""Write the measured figures beside the published ones."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.tables import write_published
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    write_published(
        load_experiment(snakemake.config["files"][snakemake.wildcards.experiment]),
        Path(snakemake.output[0]).parent,
        matrix=Path(snakemake.input.matrix),
    )
