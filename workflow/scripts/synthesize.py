"""Have one generator write pairs about the documents of one split."""

from pathlib import Path

from papertune.generators.synthesis import synthesize
from papertune.jobs.job import job
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    name = snakemake.wildcards.generator
    synthesize(
        generator_name=name,
        generator=experiment.generators[name],
        prompt=snakemake.params.prompt,
        instruction=experiment.instruction,
        documents=[Path(path) for path in snakemake.input.documents],
        split=snakemake.wildcards.split,
        splits=experiment.splits,
        output=Path(snakemake.output.pairs),
        rejected=Path(snakemake.output.rejected),
        store=Path(snakemake.config["store"]),
        model_folder=Path(snakemake.input.model) if snakemake.input.model else None,
        threads=snakemake.threads,
        shards=experiment.compute.shards,
    )
