"""All checks: at length when the user asks, in short before a run submits its first job."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from papertune.cluster import leftovers, machine, slurm
from papertune.cluster.checks import check_cluster
from papertune.cluster.findings import Finding, doubt, fine
from papertune.cluster.machine import HubModel
from papertune.cluster.requests import Kind
from papertune.cluster.slurm import ClusterError
from papertune.study.layout import Layout


def examine(
    executor: Any,
    kinds: Iterable[Kind],
    layouts: Mapping[str, Layout],
    folders: Iterable[str],
    fits: Iterable[Finding] = (),
) -> None:
    """Print what every check finds, for whole runs of the experiments.

    Args:
        executor: What Snakemake runs jobs with.
        kinds: What whole runs submit.
        layouts: The experiments.
        folders: Where results and finished work lie.
        fits: What is found of the memory of models.

    Raises:
        ClusterError: something is wrong.
    """
    states = []
    for finding in chain(_all(executor, kinds, layouts, folders), fits):
        print(finding, flush=True)
        states.append(finding.state)
    bad, doubts = states.count("wrong"), states.count("doubt")
    verdict = f"{bad or 'none'} of {len(states)} checks found something wrong (!!)"
    print(f"\n{verdict}; {doubts or 'no'} line{'s' * (doubts != 1)} with a doubt (!)")
    if bad:
        raise ClusterError(verdict)


def _all(
    executor: Any, kinds: Iterable[Kind], layouts: Mapping[str, Layout], folders: Iterable[str]
) -> Iterator[Finding]:
    if slurm.submits(executor):
        yield from check_cluster(executor, kinds)
    elif _on_cluster():
        yield doubt(
            "this machine belongs to a cluster, but with this profile jobs run on it",
            "to submit them: --profile profiles/slurm",
        )
    else:
        yield fine("no cluster here: jobs run on this machine")
    try:
        if jobs := leftovers.left():
            yield doubt(
                f"{len(jobs)} jobs of an earlier run of this directory are still at work",
                f"the next run waits for them; {leftovers.CHOICE}=cancel ends them",
            )
    except ClusterError:  # said already
        pass
    yield from machine.check_folders(folders)
    for layout in layouts.values():
        yield from machine.check_source(layout)
        yield from machine.check_browser(layout)
    models = {model: None for layout in layouts.values() for model in machine.hub_models(layout)}
    yield from machine.check_models(models, layouts)


def _on_cluster() -> bool:
    try:
        slurm.check_controller()
    except ClusterError:
        return False
    return not slurm.missing_tools()


def before_submitting(
    executor: Any,
    kinds: Iterable[Kind],
    models: Iterable[HubModel],
    experiments: Iterable[str],
    folders: Iterable[str],
) -> Iterator[Finding]:
    """What is looked at before a run submits its first job.

    Args:
        executor: What Snakemake runs jobs with.
        kinds: What the run submits.
        models: What the run is going to download.
        experiments: The run's experiments.
        folders: Where results and finished work lie.
    """
    yield from check_cluster(executor, kinds)
    yield from machine.check_folders(folders)
    yield from machine.check_models(models, experiments)
