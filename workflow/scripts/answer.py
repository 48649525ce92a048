"""Have one model answer the questions of one test set."""

from pathlib import Path

from papertune.answering.inference import answer
from papertune.jobs.job import job
from papertune.models.loading import weights_digest
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    model, base = Path(snakemake.input.model), Path(snakemake.input.base)
    answer(
        model=model,
        base=base if model != base else None,
        test_set=Path(snakemake.input.test_set),
        prompt=snakemake.params.prompt,
        answering=experiment.answering,
        output=Path(snakemake.output.answers),
        store=Path(snakemake.config["store"]),
        identity={
            "model": weights_digest(model),
            "base": weights_digest(base),
            "recipe": snakemake.params.recipe,
        },
        asked=experiment.models[snakemake.wildcards.model].examples.asked,
        threads=snakemake.threads,
        shards=experiment.compute.shards,
    )
