"""The frame of every script: a log, a record of resources used, readable errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from papertune.jobs.gpus import own_gpus
from papertune.jobs.progress import job_log
from papertune.jobs.record import jobs_folder, recorded
from papertune.jobs.workers import workers_of
from papertune.owned import share
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.uses import Rule, used_by


@contextmanager
def job(snakemake: Any, rule: Rule | None = None) -> Iterator[dict[str, Any]]:
    """Run a script's work with log and record; yields its values from the experiment's settings.

    The values are defined by a rule of :mod:`papertune.study.uses`.
    """
    shared = (snakemake.config[folder] for folder in ("store", "resources"))
    share(shared, trust=snakemake.config["trust_group"])
    wildcards = dict(snakemake.wildcards.items())
    asked = dict(snakemake.resources.items())
    nodes = workers_of(asked, snakemake.threads).nodes
    # an unknown resource is a text; the number of GPUs already covers all nodes
    known = {name: int(value) for name, value in asked.items() if isinstance(value, int | float)}
    gpus, memory = known.get("gpu", 0), known.get("mem_mb")
    record = recorded(
        jobs_folder(wildcards.pop("experiment", None)),
        snakemake.rule,
        wildcards,
        threads=snakemake.threads * nodes,
        gpu=gpus,
        memory_mb=memory * nodes if memory else None,
        runtime=known.get("runtime"),
    )
    with record, job_log(snakemake.log[0]), own_gpus(gpus // nodes):
        if rule is None:
            yield {}
            return
        name, config = snakemake.wildcards.experiment, snakemake.config
        study = load_experiment(config["files"][name], config["commands"])
        layout = Layout(name, study, config["resources"])
        yield used_by(rule, layout, snakemake.wildcards).arguments
