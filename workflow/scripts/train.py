"""Adapt a base to a dataset with one method and one seed; one that was made before is found again."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.jobs.team import run, team_of
from papertune.models.finished import MODELS, place
from papertune.models.modelcard import name_model
from papertune.models.origin import origin_of
from papertune.study.experiment_file import load_experiment
from papertune.training.identities import training_identity
from papertune.training.train import train

with job(snakemake):
    name, model = snakemake.wildcards.experiment, snakemake.wildcards.model
    seed = int(snakemake.wildcards.seed)
    experiment = load_experiment(snakemake.config["files"][name])
    recipe = experiment.recipe_of(model)
    data = [Path(snakemake.input.train), Path(snakemake.input.validation)]
    base = Path(snakemake.input.base)
    embedder = Path(snakemake.input.embedder) if snakemake.input.embedder else None
    place(
        snakemake.config["store"],
        MODELS,
        training_identity(recipe, seed, data, base, embedder),
        Path(snakemake.output.model),
        make=lambda folder, checkpoints: run(
            train,
            team_of(snakemake.resources, snakemake.threads),
            recipe=recipe,
            train=data[0],
            validation=data[1],
            base=base,
            seed=seed,
            output=folder,
            checkpoints=checkpoints,
            embedder=embedder,
        ),
        name=lambda folder: name_model(folder, origin_of(name, experiment, model), base, *data),
    )
