"""All checks of the cluster and of this machine, for what would make a run fail."""

import getpass
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any

from papertune.cluster import executor as plugin
from papertune.cluster import hub, leftovers, machine, slurm
from papertune.cluster.findings import Finding, doubt, fine, guarded, wrong
from papertune.cluster.requests import Ask, Kind, why_not
from papertune.cluster.sbatch import passes
from papertune.cluster.slurm import ClusterError, Partition
from papertune.study.layout import Layout

PROFILE = "profiles/slurm/config.yaml, or your copy of it"
PATIENCE = 1_000_000  # unanswered status queries until the executor gives up on its jobs
LONGEST_PAUSE = 180  # longest time in seconds between two status queries
ONE = Lock()  # the executor guesses settings missing from the profile, once


def examine(
    executor: Any,
    kinds: Callable[[], Iterable[Kind]],
    layouts: Mapping[str, Layout],
    folders: Iterable[str],
) -> Iterator[Finding]:
    """All findings of the doctor for whole runs, which submit jobs of ``kinds``.

    ``folders`` hold the results and the finished work.
    """
    every = layouts.values()
    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("the cluster", lambda: check_place(executor, kinds)),
        ("jobs of earlier runs", check_leftovers),
        ("the folders of results", lambda: machine.check_folders(folders)),
        *((f"{item.name}: its source", partial(machine.check_source, item)) for item in every),
        ("embedders", lambda: machine.check_embedders(every)),
        ("trackers", lambda: machine.check_trackers(every)),
        ("the sandbox", lambda: machine.check_programs(every)),
        ("models of the Hub", lambda: _check_hub(layouts)),
        ("bases", lambda: machine.check_bases(every)),
    ]
    for what, check in checks:
        yield from guarded(what, check)


def check_place(executor: Any, kinds: Callable[[], Iterable[Kind]]) -> Iterator[Finding]:
    """Check where jobs will run, and whether they are accepted there."""
    if plugin.submits(executor):
        yield from check_cluster(executor, kinds())
    elif slurm.missing_tools():
        yield fine("no cluster here: jobs run on this machine")
    else:
        try:
            slurm.check_controller()
        except ClusterError as error:
            # Slurm's tools may be installed on a machine that belongs to no cluster
            said = f"no Slurm answers here ({error.what}): jobs run on this machine"
            later = "to submit jobs, wait until `scontrol ping` says UP"
            yield doubt(said, later) if "DOWN" in error.what else fine(said)
            return
        yield doubt(
            "Slurm is installed here, but with this profile jobs run on this machine",
            "to submit jobs to the cluster: --profile profiles/slurm; make doctor PROFILE=profiles/slurm",
        )


def check_leftovers() -> Iterator[Finding]:
    """Check for jobs of this directory that no run waits for."""
    with suppress(ClusterError):  # reported by another check
        if jobs := leftovers.left():
            yield doubt(
                f"{len(jobs)} jobs of an earlier run of this directory are still at work",
                f"the next run waits for them; {leftovers.CHOICE}=cancel ends them",
            )


def _check_hub(layouts: Mapping[str, Layout]) -> Iterator[Finding]:
    models = {model: None for layout in layouts.values() for model in hub.hub_models(layout)}
    yield from hub.check_models(models, layouts)


def check_cluster(executor: Any, kinds: Iterable[Kind]) -> Iterator[Finding]:
    """Run all checks of the cluster for the jobs that will be submitted.

    Checks that cannot run after a failed one are skipped. If the status command that the executor
    would use does not know finished jobs, and another does, the executor is set to use the other:
    it would wait for them forever.
    """
    if missing := slurm.missing_tools():
        yield wrong(
            f"this profile submits to a cluster, but there is none here: {', '.join(missing)} not found",
            "start on a login node of the cluster, or omit --profile to run on this machine",
        )
        return
    try:
        slurm.check_controller()
        configuration, there = slurm.configuration(), slurm.partitions()
    except ClusterError as error:
        yield wrong(error.what, "wait until `scontrol ping` says UP, or ask your site")
        return
    yield fine(f"Slurm {configuration.get('SLURM_VERSION')} answers")
    yield from check_status(executor, configuration)
    alike: dict[str, list[Kind]] = {}
    for kind in kinds:
        if not kind.here:
            alike.setdefault(repr(kind.attempts), []).append(kind)
    with ThreadPoolExecutor(4) as pool:  # a busy controller answers each query slowly
        for found in pool.map(lambda same: [*_check_kind(executor, same, there)], alike.values()):
            yield from found


def check_status(executor: Any, configuration: Mapping[str, str]) -> Iterator[Finding]:
    """Check which command reports how jobs ended, and take the other one if only it does.

    The executor is set to repeat the query until it is answered. By default it gives up on its
    jobs after a few unanswered queries, for example while the controller restarts, and then waits
    for them forever.
    """
    settings = executor.workflow.executor_settings
    needed = max(3 * (settings.init_seconds_before_status_checks or 0), LONGEST_PAUSE + 20)
    unsafe, age = {}, configuration.get("MinJobAge", "").removesuffix(" sec")
    if not age.isdigit() or int(age) < needed:
        unsafe["squeue"] = (
            f"the queue forgets jobs {age} seconds after their end (MinJobAge), but Snakemake may "
            f"query only after {needed}"
        )
    if "slurmdbd" not in configuration.get("AccountingStorageType", ""):
        unsafe["sacct"] = "the cluster keeps no accounting"
    else:
        try:
            slurm.ask("sacct", "--allocations", "--noheader", "--starttime=now", seconds=5)
        except ClusterError as error:
            unsafe["sacct"] = f"its accounting does not answer ({error.what})"
    command = chosen = settings.status_command or "squeue"
    if len(unsafe) == 2:
        yield wrong(
            f"no command reports how jobs ended: {unsafe['squeue']}; {unsafe['sacct']}. "
            "A run would wait forever",
            f"ask your site for accounting, or for a MinJobAge of at least {needed} seconds",
        )
        return
    if chosen in unsafe:
        command = "squeue" if chosen == "sacct" else "sacct"
        yield doubt(
            f"{chosen} would not report how jobs ended: {unsafe[chosen]}; {command} is used instead",
            f"set slurm-status-command: {command} in {PROFILE}",
        )
    else:
        yield fine(f"{chosen} reports how jobs ended")
    # while the controller is down, the executor would switch from squeue to sacct, which may have
    # no data; a command name that it does not recognize prevents the switch
    settings.status_command = f"only {command}" if unsafe and command == "squeue" else command
    settings.status_attempts = max(settings.status_attempts, PATIENCE)


def _check_kind(executor: Any, same: list[Kind], there: list[Partition]) -> Iterator[Finding]:
    """Check whether the cluster accepts one kind of job."""
    attempts, rules = same[0].attempts, ", ".join(dict.fromkeys(kind.rule for kind in same))
    ask = attempts[0]
    if ask.nodes > 1 and not ask.resources.get("launcher"):
        yield wrong(
            f"{rules}: there is no launcher to start processes on {ask.nodes} nodes",
            f"set launcher in {PROFILE} (profiles/slurm has one), or compute.nodes to 1",
        )
    try:
        with ONE:
            wanted = plugin.options(executor, same[0].rule, ask.resources, ask.threads)
    except ClusterError as error:
        yield wrong(f"{rules}: {error.what}", error.hint or f"see `your site` in {PROFILE}")
        return
    who = f"{rules} ({ask})"
    try:
        refused = slurm.refusal(wanted)
    except ClusterError as error:
        yield doubt(f"{who}: {error.what}", "try again when the cluster is less busy")
        return
    if passes(refused):
        yield doubt(f"{who}: {refused}", "nothing: jobs wait until the queue has room for them")
        return
    lacks = {item.name: why_not(ask, item) for item in there}
    asked = [
        one for one in there if (one.name in ask.partitions if ask.partitions else one.default)
    ]
    # partitions that sinfo does not show are judged by sbatch's answer
    fit = [item for item in asked if not lacks[item.name]]
    if not refused and (fit or not asked):
        yield fine(f"{who}: {'/'.join(item.name for item in fit) or 'the cluster'} accepts it")
        yield from _check_later(attempts, rules, fit)
        return
    reasons = [f"{item.name} {reason}" for item in asked for reason in lacks[item.name]]
    only_now = asked and all(not why_not(ask, item, ever=True) for item in asked)
    if reasons and only_now and (not refused or "node" in refused.lower()):
        hint = "jobs wait until nodes come back; `sinfo` shows their state"
        yield doubt(f"{who}: {'; '.join(reasons)}", hint)
        return
    instead = []
    with suppress(ClusterError):
        fits = [item.name for item in there if item not in asked and not lacks[item.name]]
        instead = [name for name in fits if not slurm.refusal(wanted, name)]
    text = "; ".join([f"Slurm refuses it: {refused}"] * bool(refused) + reasons)
    yield wrong(f"{who}: {text}", _advice(refused.lower(), instead, there))


def _check_later(attempts: tuple[Ask, ...], rules: str, fit: list[Partition]) -> Iterator[Finding]:
    """Check later attempts, which request more time; one that fits no partition would never run."""
    for number, ask in enumerate(attempts[1:], 2):
        lacks = [(item.name, why_not(ask, item, ever=True)) for item in fit]
        if fit and all(found for _, found in lacks):
            reasons = "; ".join(f"{name} {reason}" for name, found in lacks for reason in found)
            most = max(item.minutes or 0 for item in fit)
            yield doubt(
                f"attempt {number} of {rules} would wait forever: {reasons}",
                f"limit later attempts to {most:.0f} minutes: compute.longest in the experiment's "
                f"file, or runtime under set-resources in {PROFILE}",
            )
            return


def _advice(said: str, instead: list[str], there: list[Partition]) -> str:
    if "account" in said:
        known: list[str] = []
        with suppress(ClusterError, KeyError, OSError):  # KeyError: a user without a name
            who = ("list", "associations", f"user={getpass.getuser()}", "format=account")
            known = slurm.ask("sacctmgr", "--noheader", "--parsable2", *who, seconds=5).split()
        yours = f"; yours are {', '.join(sorted(set(known)))}" if known else ""
        return f"set slurm_account in {PROFILE}{yours}"
    if "qos" in said:
        return f"set or delete qos in {PROFILE}; `sacctmgr show associations` lists yours"
    if instead:
        return f"{' or '.join(instead)} would accept it: set slurm_partition in {PROFILE}"
    if "partition" in said:
        names = ", ".join(item.name for item in there)
        return f"set slurm_partition in {PROFILE} to one of {names}"
    if "feature" in said:
        return f"set or delete constraint in {PROFILE}; `sinfo -o '%P %f'` lists features"
    return (
        "no partition accepts it: request less under compute in the experiment's file, or change "
        f"the request under `your site` in {PROFILE}"
    )
