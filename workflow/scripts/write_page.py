"""Write the report of an experiment as one page."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.page import write_page
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    write_page(
        Layout(name, experiment),
        Path(snakemake.output.page),
        matrix=Path(snakemake.input.matrix),
        counts=Path(snakemake.input.counts),
        cost=Path(snakemake.input.cost),
        figures=Path(snakemake.input.figures[0]).parent,
    )
