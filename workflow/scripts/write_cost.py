"""Write the table of what an experiment's results cost."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.cost import write_cost
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    layout = Layout(name, experiment, snakemake.config["resources"])
    write_cost(layout, Path(snakemake.output[0]).parent)
