"""Count what every stage of an experiment kept and rejected."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.counts import count_stages
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    layout = Layout(name, experiment)
    count_stages(
        experiment,
        Path(snakemake.output.counts),
        listings=layout.by_year("listings"),
        rejected_listings=layout.by_year("rejected/listings"),
        documents=layout.by_year("documents"),
        missing=layout.by_year("missing"),
        datasets=layout.by_split("datasets"),
        rejected_pairs=layout.by_split("rejected/pairs"),
        answers=layout.by_cell("answers"),
        scores=layout.by_cell("scores"),
    )
