"""Have one model answer the questions of one test set."""

from pathlib import Path

from papertune.answering.inference import Task, answer
from papertune.jobs.job import job
from papertune.models.loading import weights_digest
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    model, base = Path(snakemake.input.model), Path(snakemake.input.base)
    task = Task(
        model=model,
        base=base if model != base else None,
        test_set=snakemake.input.test_set,
        prompt=snakemake.params.prompt,
        asked=experiment.models[snakemake.wildcards.model].examples.asked,
        answering=experiment.answering,
    )
    answer(
        task,
        output=Path(snakemake.output.answers),
        store=Path(snakemake.config["store"]),
        identity={
            "model": weights_digest(model),
            "base": weights_digest(base),
        },
        threads=snakemake.threads,
        shards=experiment.compute.shards,
    )
