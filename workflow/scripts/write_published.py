"""Write the measured figures beside the published ones."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.job import job
from papertune.tables import write_published

with job(snakemake):
    write_published(
        load_experiment(snakemake.config["files"][snakemake.wildcards.experiment]),
        Path(snakemake.output[0]).parent,
        matrix=Path(snakemake.input.matrix),
    )
