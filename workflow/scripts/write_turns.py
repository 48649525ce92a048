"""Write the table of scores by turn of a conversation."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.turns import write_turns
from papertune.study import uses

with job(snakemake, uses.report) as given:
    write_turns(given["layout"], Path(snakemake.output[0]).parent)
