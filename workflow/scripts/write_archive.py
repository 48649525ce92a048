"""Write further papers of the demo venue's training years for a base to learn from."""

from pathlib import Path

from papertune.demo.papers import write_archive
from papertune.jobs.job import job

with job(snakemake):
    write_archive(Path(snakemake.output.archive))
