"""Have one generator write pairs about the documents of one split."""

from pathlib import Path

from papertune.generators.synthesis import synthesize
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.synthesize) as given:
    synthesize(
        documents=[Path(path) for path in snakemake.input.documents],
        output=Path(snakemake.output.pairs),
        rejected=Path(snakemake.output.rejected),
        store=Path(snakemake.config["store"]),
        model_folder=Path(snakemake.input.model) if snakemake.input.model else None,
        threads=snakemake.threads,
        **given,
    )
