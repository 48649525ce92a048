"""Write the measured figures beside the published ones."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.progress import job_log
from papertune.tables import write_published

with job_log(snakemake.log[0]):
    write_published(
        load_experiment(snakemake.config["files"][snakemake.wildcards.experiment]),
        Path(snakemake.output[0]).parent,
        matrix=Path(snakemake.input.matrix),
    )
