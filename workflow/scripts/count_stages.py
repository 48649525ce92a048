"""Count what every stage of an experiment kept and rejected."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.counts import count_stages
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    count_stages(Layout(name, experiment), Path(snakemake.output.counts))
