"""Count what every stage of an experiment kept and rejected."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.counts import count_stages
from papertune.study import uses

with job(snakemake, uses.count_stages) as given:
    count_stages(given["layout"], Path(snakemake.output.counts))
