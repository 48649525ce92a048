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
    recipe = experiment.recipe_of(snakemake.wildcards.model)
    seed = int(snakemake.wildcards.seed)
    data = [Path(snakemake.input.train), Path(snakemake.input.validation)]
    base = Path(snakemake.input.base)
    settings = [recipe.identity(), snakemake.params.version]
    identity = [settings, seed, files_digest(data), weights_digest(base)]
    run(
        train,
        team_of(snakemake.resources, snakemake.threads),
        recipe=recipe,
        train=data[0],
        validation=data[1],
        base=base,
        seed=seed,
        output=Path(snakemake.output.model),
        checkpoints=checkpoints_of(snakemake.config["store"], identity),
        origin=origin_of(snakemake.wildcards.experiment, experiment, snakemake.wildcards.model),
        embedder=Path(snakemake.input.embedder) if snakemake.input.embedder else None,
    )
