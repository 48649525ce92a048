"""List the questions that the filter holds the study's against."""

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
