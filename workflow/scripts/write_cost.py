"""Write the table of an experiment's cost, and of the estimated cost of a larger study."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.cost import write_cost
from papertune.report.size import write_size
from papertune.study import uses

with job(snakemake, uses.write_cost) as given:
    folder = Path(snakemake.output.cost[0]).parent
    write_cost(given["layout"], folder)
    write_size(given["layout"], folder, Path(snakemake.config["store"]))
