"""Write further papers of the demo venue's training years for a base to learn from."""

from pathlib import Path

from papertune.demo.archive import write_archive
from papertune.progress import job_log

with job_log(snakemake.log[0]):
    write_archive(Path(snakemake.output.archive))
