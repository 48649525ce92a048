"""Make a model folder of a GGUF file, a base's own or one in a package, for offline jobs to read."""

from pathlib import Path

from papertune.jobs.job import job
from papertune.models.conversion import convert_base
from papertune.study.experiment_file import load_experiment

with job(snakemake):
    folder = Path(snakemake.output.folder)
    bases = [
        base
        for path in snakemake.config["files"].values()
        for base in load_experiment(path).bases.values()
    ]
    name = f"{snakemake.wildcards.source}/{snakemake.wildcards.key}"
    convert_base(next(base for base in bases if base.made == name), folder)
