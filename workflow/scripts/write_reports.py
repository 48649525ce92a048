"""Write the page that compares the experiments of this run with the reports they reproduce."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.reports import write_reports
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    layouts = {
        name: Layout(name, load_experiment(path), snakemake.config["resources"])
        for name, path in snakemake.config["files"].items()
    }
    write_reports(layouts, Path(snakemake.output.page))
