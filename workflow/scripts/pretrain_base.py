"""Pre-train a base from scratch on training documents."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.jobs.workers import run, workers_of
from papertune.models.modelfolder import BASES, place
from papertune.study import uses
from papertune.training.data import pretraining_identity
from papertune.training.pretraining import pretrain

with job(snakemake, uses.pretrain_base) as given:
    texts = {
        name: [Path(path) for path in snakemake.input.get(name)] for name in ("documents", "files")
    }
    place(
        snakemake.config["store"],
        BASES,
        pretraining_identity(given["base"], **texts),
        Path(snakemake.output.base),
        make=lambda folder, checkpoints: run(
            pretrain,
            workers_of(snakemake.resources, snakemake.threads),
            **texts,
            output=folder,
            checkpoints=checkpoints,
            **given,
        ),
    )
