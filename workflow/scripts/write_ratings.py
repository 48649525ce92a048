"""Write tables of people's ratings of probe answers, and of their agreement."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.probes import write_ratings
from papertune.study import uses

with job(snakemake, uses.report) as given:
    write_ratings(given["layout"], Path(snakemake.output.ratings[0]).parent)
