"""Write the table of what the filter of unrelated questions is worth."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.filtering import write_filtering
from papertune.study import uses

with job(snakemake, uses.report) as given:
    write_filtering(given["layout"], Path(snakemake.output[0]).parent)
