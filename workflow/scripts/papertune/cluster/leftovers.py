"""Jobs of a run that was killed go on in the queue: a new run waits for them, or cancels them.

They would write the same results as the jobs of the new run. Every run that submits leaves its name
in the folder, so that the queue is asked only where there may be such jobs, and so that jobs of
another run which is at work are told from them.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from papertune.cluster import slurm
from papertune.cluster.slurm import ClusterError, QueuedJob
from papertune.jobs import running
from papertune.records import atomic_write

RUNS = Path(".snakemake", "papertune-submitted")
CHOICE = "PAPERTUNE_LEFTOVERS"
EVERY = 60.0  # seconds between two lines while nothing changes


def remember(run: str, folder: str | Path = ".") -> None:
    """Leave the name that the jobs of this process's run bear, before the first is submitted."""
    host, pid = socket.gethostname(), os.getpid()
    path = Path(folder, RUNS, f"{host}-{pid}.json").absolute()
    with atomic_write(path) as stream:
        json.dump({"run": run, "host": host, "pid": pid}, stream)


def left(folder: str | Path = ".") -> list[QueuedJob]:
    """Jobs that runs of this folder have left in the queue; none where nothing was ever submitted.

    A run that is at work, or was killed and holds its locks still, keeps its jobs: whatever they
    write is locked.

    Raises:
        ClusterError: the cluster does not say.
    """
    submitted = _submitted(folder)
    if not submitted:
        return []
    at_work = {(run.host, run.pid) for run in running.runs(folder)}
    kept = {run for path, run, who in submitted if who in at_work}
    here = os.path.realpath(folder)
    found = [
        job
        for job in slurm.queue()
        if job.of_a_run and job.run not in kept and os.path.realpath(job.folder) == here
    ]
    if not found:
        for path, run, _ in submitted:
            if run not in kept:
                with suppress(OSError):
                    path.unlink()
    return found


def settle(
    folder: str | Path = ".", *, pause: float = 10.0, say: Callable[[str], None] | None = None
) -> None:
    """Wait until no job of an earlier run is left, or cancel them all.

    ``PAPERTUNE_LEFTOVERS`` says which: ``wait`` (if it is not set), ``cancel``, or ``ignore`` where
    the user knows that there are none.

    Args:
        folder: The directory of the run.
        pause: Seconds between two looks at the queue.
        say: Takes lines for the terminal.

    Raises:
        ClusterError: the cluster does not say whether there are any, or the choice is unknown.
    """
    say = say or _print
    choice = os.environ.get(CHOICE, "wait")
    if choice not in {"wait", "cancel", "ignore"}:
        raise ClusterError(
            f"no such choice: {choice!r}", where=CHOICE, hint="wait, cancel or ignore"
        )
    if choice == "ignore":
        return
    try:
        jobs = left(folder)
    except ClusterError as error:
        raise ClusterError(
            f"jobs of an earlier run may be at work here, and the cluster does not say: {error.what}",
            hint=f"wait until it answers; or, if you know that there are none, set {CHOICE}=ignore",
        ) from None
    if not jobs:
        return
    total = len(jobs)
    say(f"An earlier run of this directory has left {_count(total)} in the queue:")
    for job in jobs:
        say(f"  {job} ({job.state.lower()}, {job.id})")
    if choice == "cancel":
        slurm.cancel(jobs)
        say(f"They are cancelled, as {CHOICE} says; what they have finished is kept.")
    else:
        say(
            "This run goes on when they have ended, with what they finish. To cancel them instead: "
            f"Ctrl-C, then the same command with {CHOICE}=cancel before it."
        )
    said = time.monotonic()
    while jobs:
        time.sleep(pause)
        before = len(jobs)
        try:
            jobs = left(folder)
        except ClusterError as error:  # no answer does not mean that they are gone
            say(f"  the cluster does not answer: {error.what}")
            continue
        total = max(total, len(jobs))
        if jobs and (len(jobs) != before or time.monotonic() - said >= EVERY):
            say(f"  {total - len(jobs)}/{total} ended; left: {_names(jobs)}")
            said = time.monotonic()
    say(f"  {total}/{total} ended.")


def _submitted(folder: str | Path) -> list[tuple[Path, str, tuple[str, int]]]:
    """The names of runs that have submitted jobs here, and who they were."""
    found = []
    for path in sorted(Path(folder, RUNS).glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(path.read_text(encoding="utf-8"))
            found.append((path, values["run"], (values["host"], values["pid"])))
    return found


def _count(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"


def _names(jobs: list[QueuedJob], most: int = 4) -> str:
    said = ", ".join(f"{job} ({job.state.lower()})" for job in jobs[:most])
    return f"{said} and {len(jobs) - most} more" if len(jobs) > most else said


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
