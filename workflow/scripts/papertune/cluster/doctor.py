"""What would keep a run from ending well: all checks, of the cluster and of this machine."""

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
PATIENCE = 1_000_000  # questions without an answer until the executor gives its jobs up
LONGEST_PAUSE = 180  # seconds for which it may not look at its jobs
ONE = Lock()  # it guesses what a profile does not say, once


def examine(
    executor: Any,
    kinds: Callable[[], Iterable[Kind]],
    layouts: Mapping[str, Layout],
    folders: Iterable[str],
) -> Iterator[Finding]:
    """What the user is told who asks for the doctor, for whole runs, which submit ``kinds``.

    The folders are those where results and finished work lie.
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
    """Where jobs will run, and whether that takes them."""
    if plugin.submits(executor):
        yield from check_cluster(executor, kinds())
    elif slurm.missing_tools():
        yield fine("no cluster here: jobs run on this machine")
    else:
        try:
            slurm.check_controller()
        except ClusterError as error:
            # its tools may be installed on a machine that belongs to no cluster
            said = f"no Slurm answers here ({error.what}): jobs run on this machine"
            later = "to submit them, wait until `scontrol ping` says UP"
            yield doubt(said, later) if "DOWN" in error.what else fine(said)
            return
        yield doubt(
            "Slurm is installed here, but with this profile jobs run on this machine",
            "to submit them to the cluster: --profile profiles/slurm; make doctor PROFILE=profiles/slurm",
        )


def check_leftovers() -> Iterator[Finding]:
    """Jobs of this directory that nobody waits for."""
    with suppress(ClusterError):  # said already
        if jobs := leftovers.left():
            yield doubt(
                f"{len(jobs)} jobs of an earlier run of this directory are still at work",
                f"the next run waits for them; {leftovers.CHOICE}=cancel ends them",
            )


def _check_hub(layouts: Mapping[str, Layout]) -> Iterator[Finding]:
    models = {model: None for layout in layouts.values() for model in hub.hub_models(layout)}
    yield from hub.check_models(models, layouts)


def check_cluster(executor: Any, kinds: Iterable[Kind]) -> Iterator[Finding]:
    """Ask the cluster everything, for what will be submitted.

    What cannot be asked any more is left out. Where finished jobs would be looked for in a place
    that does not know them, and another does, the executor is told to look there: it would wait for
    them for ever.
    """
    if missing := slurm.missing_tools():
        yield wrong(
            f"this profile submits to a cluster, and there is none here: {', '.join(missing)} not found",
            "start on a login node of the cluster, or leave --profile away to run on this machine",
        )
        return
    try:
        slurm.check_controller()
        configuration, there = slurm.configuration(), slurm.partitions()
    except ClusterError as error:
        yield wrong(error.what, "wait until `scontrol ping` says UP; your site knows since when")
        return
    yield fine(f"Slurm {configuration.get('SLURM_VERSION')} answers")
    yield from check_status(executor, configuration)
    alike: dict[str, list[Kind]] = {}
    for kind in kinds:
        if not kind.here:
            alike.setdefault(repr(kind.attempts), []).append(kind)
    with ThreadPoolExecutor(4) as pool:  # a busy controller takes its time for each
        for found in pool.map(lambda same: [*_check_kind(executor, same, there)], alike.values()):
            yield from found


def check_status(executor: Any, configuration: Mapping[str, str]) -> Iterator[Finding]:
    """Which command tells how jobs ended; the other one is taken where only that one knows.

    The executor is told to ask it for as long as it takes to get an answer. By itself it gives its
    jobs up after a few questions without one, as while the controller is restarted, and then waits
    for them for ever.
    """
    settings = executor.workflow.executor_settings
    needed = max(3 * (settings.init_seconds_before_status_checks or 0), LONGEST_PAUSE + 20)
    unsafe, age = {}, configuration.get("MinJobAge", "").removesuffix(" sec")
    if not age.isdigit() or int(age) < needed:
        unsafe["squeue"] = (
            f"the queue forgets jobs {age} seconds after their end (MinJobAge), and Snakemake may "
            f"look only after {needed}"
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
            f"nothing tells how jobs ended: {unsafe['squeue']}; {unsafe['sacct']}. "
            "A run would wait for ever",
            f"ask your site for accounting, or for a MinJobAge of at least {needed} seconds",
        )
        return
    if chosen in unsafe:
        command = "squeue" if chosen == "sacct" else "sacct"
        yield doubt(
            f"{chosen} would not tell how jobs ended: {unsafe[chosen]}; {command} is asked instead",
            f"set slurm-status-command: {command} in {PROFILE}",
        )
    else:
        yield fine(f"{chosen} tells how jobs ended")
    # while the controller is away the executor would turn from squeue to sacct, which may know
    # nothing; it does not if the name it is given is none that it knows
    settings.status_command = f"only {command}" if unsafe and command == "squeue" else command
    settings.status_attempts = max(settings.status_attempts, PATIENCE)


def _check_kind(executor: Any, same: list[Kind], there: list[Partition]) -> Iterator[Finding]:
    """Whether jobs that ask for the same would be taken."""
    attempts, rules = same[0].attempts, ", ".join(dict.fromkeys(kind.rule for kind in same))
    ask = attempts[0]
    if ask.nodes > 1 and not ask.resources.get("launcher"):
        yield wrong(
            f"{rules}: nothing starts processes on {ask.nodes} nodes",
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
    # what the site's own tools for partitions do not show is left to its answer
    fit = [item for item in asked if not lacks[item.name]]
    if not refused and (fit or not asked):
        yield fine(f"{who}: {'/'.join(item.name for item in fit) or 'the cluster'} takes it")
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
    """Later attempts ask for more; one that no partition lets run would wait for ever."""
    for number, ask in enumerate(attempts[1:], 2):
        lacks = [(item.name, why_not(ask, item, ever=True)) for item in fit]
        if fit and all(found for _, found in lacks):
            reasons = "; ".join(f"{name} {reason}" for name, found in lacks for reason in found)
            most = max(item.minutes or 0 for item in fit)
            yield doubt(
                f"attempt {number} of {rules} would wait for ever: {reasons}",
                f"keep later attempts to {most:.0f} minutes: compute.longest in the experiment's "
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
        return f"{' or '.join(instead)} would take it: set slurm_partition in {PROFILE}"
    if "partition" in said:
        names = ", ".join(item.name for item in there)
        return f"set slurm_partition in {PROFILE} to one of {names}"
    if "feature" in said:
        return f"set or delete constraint in {PROFILE}; `sinfo -o '%P %f'` lists features"
    return (
        "no partition takes it: ask for less under compute in the experiment's file, or for "
        f"something else under `your site` in {PROFILE}"
    )
