"""Adapt a base to a dataset with one method and one seed."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.jobs.team import run, team_of
from papertune.models.loading import weights_digest
from papertune.models.origin import origin_of
from papertune.records import files_digest
from papertune.study.experiment_file import load_experiment
from papertune.training.checkpoints import checkpoints_of
from papertune.training.train import train

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    model = experiment.models[snakemake.wildcards.model]
    seed = int(snakemake.wildcards.seed)
    data = [Path(snakemake.input.train), Path(snakemake.input.validation)]
    base = Path(snakemake.input.base)
    settings = [snakemake.params[name] for name in ("recipe", "prompt", "version")]
    identity = [settings, seed, files_digest(data), weights_digest(base)]
    run(
        train,
        team_of(snakemake.resources, snakemake.threads),
        train=data[0],
        validation=data[1],
        base=base,
        method=model.method,
        training=experiment.training_of(snakemake.wildcards.model),
        lora=model.lora,
        quantization=model.quantization,
        freeze=model.freeze,
        subset=model.subset,
        examples=model.examples,
        origin=origin_of(snakemake.wildcards.experiment, experiment, snakemake.wildcards.model),
        answering=experiment.answering,
        embedder=experiment.embedder,
        embedder_folder=Path(snakemake.input.embedder) if snakemake.input.embedder else None,
        sharded=experiment.compute.shards_weights(model.method),
        gpu_hour_price=experiment.compute.gpu_hour_price,
        prompt=snakemake.params.prompt,
        seed=seed,
        output=Path(snakemake.output.model),
        checkpoints=checkpoints_of(snakemake.config["store"], identity),
    )
