"""Write the report of an experiment as one page."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.page import write_page
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    layout = Layout(name, experiment)
    write_page(
        experiment,
        Path(snakemake.output.page),
        matrix=Path(snakemake.input.matrix),
        counts=Path(snakemake.input.counts),
        cost=Path(snakemake.input.cost),
        figures=Path(snakemake.input.figures[0]).parent,
        models=layout.models(),
        missing=layout.by_year("missing"),
        documents=layout.by_year("documents"),
        answers=layout.by_cell("answers"),
        scores=layout.by_cell("scores"),
    )
