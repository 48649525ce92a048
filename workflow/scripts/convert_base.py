"""Convert a GGUF file, a base's own or one in a package, to a model folder for offline jobs."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.models.conversion import convert_base
from papertune.study.settings import Base

with job(snakemake):
    base = Base.model_validate(snakemake.params.base)
    convert_base(base, Path(snakemake.output.folder))
