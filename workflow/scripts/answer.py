"""Have one model answer the questions of one test set."""

from pathlib import Path

from papertune.answering.inference import answer
from papertune.answering.task import Task
from papertune.jobs.job import job
from papertune.models.digests import weights_digest
from papertune.study import uses

with job(snakemake, uses.answer) as given:
    model, base = Path(snakemake.input.model), Path(snakemake.input.base)
    store = Path(snakemake.config["store"])
    shards = given.pop("shards")
    answer(
        Task(
            model=model,
            base=base if model != base else None,
            test_set=snakemake.input.test_set,
            **given,
        ),
        output=Path(snakemake.output.answers),
        store=store,
        identity={"model": weights_digest(model, store), "base": weights_digest(base, store)},
        threads=snakemake.threads,
        shards=shards,
    )
