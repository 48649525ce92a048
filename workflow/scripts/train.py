"""Adapt a base to a dataset with one method and one seed; reuse a model trained before."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.jobs.workers import run, workers_of
from papertune.models.modelcard import name_model
from papertune.models.modelfolder import MODELS, place
from papertune.study import uses
from papertune.training.data import training_identity
from papertune.training.train import train

with job(snakemake, uses.train) as given:
    origin = given.pop("origin")
    data = [[*map(Path, files)] for files in (snakemake.input.train, snakemake.input.validation)]
    base = Path(snakemake.input.base)
    embedder = Path(snakemake.input.embedder) if snakemake.input.embedder else None
    place(
        snakemake.config["store"],
        MODELS,
        training_identity(given["recipe"], given["seed"], data, base, embedder),
        Path(snakemake.output.model),
        make=lambda folder, checkpoints: run(
            train,
            workers_of(snakemake.resources, snakemake.threads),
            train=data[0],
            validation=data[1],
            base=base,
            output=folder,
            checkpoints=checkpoints,
            embedder=embedder,
            **given,
        ),
        name=lambda folder: name_model(folder, origin, base, *data),
    )
