"""Delete from the store what no experiment refers to, after showing its size and asking."""

import sys
from pathlib import Path

from papertune.errors import shown
from papertune.jobs.job import job
from papertune.report.prune import prune
from papertune.study.experiment_file import load_experiment, name_of
from papertune.study.layout import Layout


def agree(question):
    """Whether the user agrees, by the configuration or on the terminal if there is one."""
    if snakemake.config["yes"] or not sys.stdin.isatty():
        return snakemake.config["yes"]
    print(shown(f"{question} [y/N] "), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() in ("y", "yes")


with job(snakemake):
    layouts = [
        Layout(name_of(path), load_experiment(path), snakemake.config["resources"])
        for path in {*snakemake.params.files, *snakemake.config["files"].values()}
    ]
    prune(Path(snakemake.config["store"]), layouts, agree)
