"""Export a trained model as one folder: merged weights, tokenizer, card with results."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.export import export_model
from papertune.study import uses

with job(snakemake, uses.export_model) as given:
    export_model(
        model=Path(snakemake.input.model),
        base=Path(snakemake.input.base),
        output=Path(snakemake.output.folder),
        scores=dict(zip(given.pop("cells"), map(Path, snakemake.input.scores), strict=True)),
        threads=snakemake.threads,
        **given,
    )
