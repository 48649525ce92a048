"""Learn the filter of unrelated questions."""

from pathlib import Path

from papertune.filter.learn import learn_filter
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.learn_filter) as given:
    learn_filter(
        pairs=snakemake.input.pairs,
        unrelated=snakemake.input.unrelated,
        folder=Path(snakemake.output.filter).parent,
        rejected=snakemake.output.rejected,
        **given,
    )
