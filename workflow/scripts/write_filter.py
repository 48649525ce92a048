"""Write the table of precision and recall of the filter of unrelated questions."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.filtering import write_filtering
from papertune.study import uses

with job(snakemake, uses.report) as given:
    write_filtering(given["layout"], Path(snakemake.output[0]).parent)
