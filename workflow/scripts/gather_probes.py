"""Write the pairs of the probe questions."""

from pathlib import Path

from papertune.answering.probes import gather_probes
from papertune.jobs.job import job
from papertune.study import uses

with job(snakemake, uses.gather_probes) as given:
    picked = zip(given.pop("picks"), map(Path, snakemake.input.picked), strict=True)
    gather_probes(picked=dict(picked), output=Path(snakemake.output.pairs), **given)
