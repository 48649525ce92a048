"""Have one generator write pairs about the documents of one split."""

from pathlib import Path

from papertune.generators.asking import Writer
from papertune.generators.synthesis import synthesize
from papertune.jobs.job import job
from papertune.leakage.pairs import TrainedPairs, left_out
from papertune.study import uses

with job(snakemake, uses.synthesize) as given:
    mine, shards, reading = (given.pop(name) for name in ("mine", "shards", "reading"))
    synthesize(
        Writer(**given, folder=snakemake.input.model or None),
        documents=[Path(path) for path in snakemake.input.documents],
        mine=mine,
        taken_out=left_out(snakemake.input.left or None),
        trained=TrainedPairs(snakemake.input.trained, reading=reading),
        output=Path(snakemake.output.pairs),
        rejected=Path(snakemake.output.rejected),
        store=Path(snakemake.config["store"]),
        threads=snakemake.threads,
        shards=shards,
    )
