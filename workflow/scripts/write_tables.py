"""Write the tables of an experiment as CSV, Markdown and LaTeX."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.tables import write_tables
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    write_tables(
        Layout(name, experiment),
        Path(snakemake.output.text).parent,
        matrix=Path(snakemake.input.matrix),
        counts=Path(snakemake.input.counts),
    )
