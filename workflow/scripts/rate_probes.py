"""Import people's ratings of answers."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.scores.rated import rate_probes
from papertune.study import uses

with job(snakemake, uses.rate_probes) as given:
    cells, asked = given.pop("cells"), given.pop("sets")
    rate_probes(
        dict(zip(cells, snakemake.input.answers, strict=True)),
        dict(zip(cells, snakemake.input.scores, strict=True)),
        asked=dict(zip(asked, snakemake.input.asked, strict=True)),
        files=[Path(path) for path in snakemake.input.files],
        folder=Path(snakemake.output.matrix).parent,
        rejected=Path(snakemake.output.rejected),
        **given,
    )
