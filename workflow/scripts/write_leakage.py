"""Write the tables of documents found on both sides of a split."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.report.leakage import write_leakage
from papertune.study import uses

with job(snakemake, uses.report) as given:
    folder = Path(snakemake.output[0]).parent
    write_leakage(given["layout"], folder, matrix=Path(snakemake.input.matrix))
