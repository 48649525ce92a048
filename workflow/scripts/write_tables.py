"""Write the tables of an experiment as CSV, Markdown and LaTeX."""

from pathlib import Path

from papertune.experiment_file import load_experiment
from papertune.job import job
from papertune.layout import Layout
from papertune.tables import write_tables

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    write_tables(
        experiment,
        Path(snakemake.output.text).parent,
        matrix=Path(snakemake.input.matrix),
        counts=Path(snakemake.input.counts),
        models=Layout(name, experiment).models(),
    )
