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
        pairs=layout.by_split("pairs"),
        rejected_pairs=layout.by_split("rejected/pairs"),
        datasets=layout.by_split("datasets"),
        rejected_datasets=layout.by_split("rejected/datasets"),
        answers=layout.by_cell("answers"),
        scores=layout.by_cell("scores"),
    )
