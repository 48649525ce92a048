"""Write a trained model as one folder for others: whole weights, tokenizer, card with results."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.models.origin import origin_of
from papertune.report.export import export_model
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    name = snakemake.wildcards.experiment
    experiment = load_experiment(snakemake.config["files"][name])
    export_model(
        model=Path(snakemake.input.model),
        base=Path(snakemake.input.base),
        output=Path(snakemake.output.folder),
        scores=dict(zip(snakemake.params.cells, map(Path, snakemake.input.scores), strict=True)),
        metrics=experiment.metrics,
        baseline=experiment.baseline,
        comparison=experiment.comparison,
        answering=experiment.answering,
        origin=origin_of(name, experiment, snakemake.wildcards.model),
        threads=snakemake.threads,
    )
