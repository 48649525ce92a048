"""What every script does around its work: a log, a record of what it took, errors in a sentence."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from papertune.jobs.gpus import own_gpus
from papertune.jobs.progress import job_log
from papertune.jobs.record import jobs_folder, recorded
from papertune.jobs.workers import workers_of
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.uses import Rule, used_by


@contextmanager
def job(snakemake: Any, rule: Rule | None = None) -> Iterator[dict[str, Any]]:
    """The frame of a script's work; gives it what it takes from the experiment's settings.

    Args:
        snakemake: What Snakemake gives to scripts: rule, wildcards, threads, resources, log.
        rule: What says what that is, of :mod:`papertune.study.uses`.
    """
    work_for_group(snakemake.config[folder] for folder in ("store", "resources"))
    wildcards = dict(snakemake.wildcards.items())
    asked = dict(snakemake.resources.items())
    # GPUs are those of all nodes already
    nodes, memory = workers_of(asked, snakemake.threads).nodes, _number(asked.get("mem_mb"))
    gpus = _number(asked.get("gpu")) or 0
    record = recorded(
        jobs_folder(wildcards.pop("experiment", None)),
        rule=snakemake.rule,
        wildcards=wildcards,
        threads=snakemake.threads * nodes,
        gpu=gpus,
        memory_mb=memory * nodes if memory else None,
        runtime=_number(asked.get("runtime")),
    )
    with record, job_log(snakemake.log[0]), own_gpus(gpus // nodes):
        yield used_by(rule, _layout(snakemake), snakemake.wildcards).arguments if rule else {}


def _layout(snakemake: Any) -> Layout:
    name, config = snakemake.wildcards.experiment, snakemake.config
    return Layout(name, load_experiment(config["files"][name]), config["resources"])


def _number(value: Any) -> int | None:
    """A resource that is known; Snakemake gives a text where it is not."""
    return int(value) if isinstance(value, int | float) else None


def work_for_group(folders: Iterable[str | Path]) -> None:
    """Where a folder is shared (``chmod g+ws``), let the group use what this process makes there."""
    shared = stat.S_ISGID | stat.S_IWGRP
    for folder in map(Path, folders):
        if folder.exists() and folder.stat().st_mode & shared == shared:
            os.umask(os.umask(0) & ~stat.S_IRWXG)
