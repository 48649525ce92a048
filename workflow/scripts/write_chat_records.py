"""Write a dataset as chat records with the roles user and assistant."""

from pathlib import Path

from papertune.generators.chat_records import write_chat_records
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.write_chat_records) as given:
    write_chat_records(
        [Path(path) for path in snakemake.input.splits],
        output=Path(snakemake.output.folder),
        **given,
    )
