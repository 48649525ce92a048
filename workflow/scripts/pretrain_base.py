"""Pre-train a base from scratch on training documents."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.jobs.team import run, team_of
from papertune.models.finished import BASES, place
from papertune.study.experiment_file import load_experiment
from papertune.training.identities import pretraining_identity
from papertune.training.pretraining import pretrain

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    base = experiment.bases[snakemake.wildcards.base].pretrain
    documents = [Path(path) for path in snakemake.input.documents]
    place(
        snakemake.config["store"],
        BASES,
        pretraining_identity(base, documents),
        Path(snakemake.output.base),
        make=lambda folder, checkpoints: run(
            pretrain,
            team_of(snakemake.resources, snakemake.threads),
            base=base,
            documents=documents,
            output=folder,
            sharded=experiment.compute.shards_weights("pretrain"),
            checkpoints=checkpoints,
        ),
    )
