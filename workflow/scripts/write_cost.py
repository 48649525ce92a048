"""Write the table of what an experiment's results cost."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.cost import write_cost
from papertune.study import uses

with job(snakemake, uses.write_cost) as given:
    write_cost(given["layout"], Path(snakemake.output[0]).parent)
