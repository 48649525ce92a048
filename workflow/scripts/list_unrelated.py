"""List the unrelated questions that the filter is trained with."""

from papertune.filter.questions import list_unrelated
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.list_unrelated) as given:
    list_unrelated(
        output=snakemake.output.unrelated,
        rejected=snakemake.output.rejected,
        pairs=snakemake.input.get("file") or "",
        **given,
    )
