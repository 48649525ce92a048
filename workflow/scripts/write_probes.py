"""Write the answers to probes as a table, and the page on which people rate them."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.probes import write_probes, write_rating_page
from papertune.study import uses

with job(snakemake, uses.report) as given:
    write_probes(given["layout"], Path(snakemake.output.probes[0]).parent)
    write_rating_page(given["layout"], Path(snakemake.output.page))
