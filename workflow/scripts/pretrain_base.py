"""Pre-train a base from scratch on training documents."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.jobs.team import run, team_of
from papertune.records import files_digest
from papertune.study.experiment_file import load_experiment
from papertune.training.checkpoints import checkpoints_of
from papertune.training.pretraining import pretrain

with job(snakemake):
    experiment = load_experiment(snakemake.config["files"][snakemake.wildcards.experiment])
    inputs = [Path(path) for path in (*snakemake.input.documents, *snakemake.input.files)]
    identity = [snakemake.params.pretraining, snakemake.params.version, files_digest(inputs)]
    run(
        pretrain,
        team_of(snakemake.resources, snakemake.threads),
        base=experiment.bases[snakemake.wildcards.base].pretrain,
        documents=[Path(path) for path in snakemake.input.documents],
        output=Path(snakemake.output.base),
        sharded=experiment.compute.shards_weights("pretrain"),
        checkpoints=checkpoints_of(snakemake.config["store"], identity),
    )
