"""Jobs of a run that was killed go on, here or in the queue: a new run waits for them, or ends them.

They would write the same results as its jobs. Jobs here have left records. Every run that submits
leaves its name, so that the queue is asked only where there may be such jobs, and so that jobs of
another run which is at work are told from them.
"""

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from papertune.cluster import slurm
from papertune.cluster.slurm import ClusterError, QueuedJob
from papertune.errors import shown
from papertune.files import atomic_write, read_json
from papertune.jobs import running
from papertune.jobs.record import JobRecord

RUNS = Path(".snakemake", "papertune-submitted")
CHOICE = "PAPERTUNE_LEFTOVERS"
Job = QueuedJob | JobRecord


def remember(run: str, folder: str | Path = ".") -> None:
    """Leave the name that the jobs of this process's run bear, before the first is submitted."""
    path = Path(folder, RUNS, f"{socket.gethostname()}-{os.getpid()}.json").absolute()
    with atomic_write(path) as stream:
        json.dump({"run": run}, stream)


def left(folder: str | Path = ".") -> list[Job]:
    """Jobs that runs of this folder have left; the queue is not asked where none was submitted.

    A run that is at work, or was killed and holds its locks still, keeps its jobs: whatever they
    write is locked.

    Raises:
        ClusterError: the cluster does not say.
    """
    names = {run.name for run in running.runs(folder)}
    here: list[Job] = [job for job in running.left_jobs(folder) if job.run not in names]
    submitted: dict[Path, str] = {}
    for path in Path(folder, RUNS).glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            submitted[path] = read_json(path)["run"]
    if not submitted:
        return here
    kept = {run for path, run in submitted.items() if path.stem in names}
    place = os.path.realpath(folder)
    queued = [
        job
        for job in slurm.queue()
        if job.of_a_run and job.run not in kept and os.path.realpath(job.folder) == place
    ]
    for path, run in submitted.items():
        if not queued and run not in kept:
            path.unlink(missing_ok=True)
    return [*here, *queued]


def settle(folder: str | Path = ".") -> None:
    """Wait until no job of an earlier run is left, or cancel them all.

    ``PAPERTUNE_LEFTOVERS`` says which: ``wait`` (if it is not set), ``cancel``, or ``ignore`` where
    the user knows that there are none.

    Raises:
        ClusterError: the cluster does not say whether there are any, or the choice is unknown.
    """
    choice = os.environ.get(CHOICE, "wait")
    if choice not in {"wait", "cancel", "ignore"}:
        hint = "wait, cancel or ignore"
        raise ClusterError(f"no such choice: {choice!r}", where=CHOICE, hint=hint)
    try:
        jobs = [] if choice == "ignore" else left(folder)
    except ClusterError as error:
        raise ClusterError(
            f"jobs of an earlier run may be at work here, and the cluster does not say: {error.what}",
            hint=f"wait until it answers; or, if you know that there are none, set {CHOICE}=ignore",
        ) from None
    if not jobs:
        return
    listed = "".join(f"\n  {job}" for job in jobs)
    _say(f"An earlier run of this directory has left {_count(jobs)} at work:{listed}")
    if choice == "cancel":
        # they end where their work allows, with everything finished on disk
        for job in jobs:
            if isinstance(job, JobRecord):
                with suppress(ProcessLookupError):
                    os.kill(job.pid, signal.SIGTERM)
        if queued := [job.id for job in jobs if isinstance(job, QueuedJob)]:
            slurm.ask("scancel", *queued, seconds=60)
        _say(f"They are told to end, as {CHOICE} says; what they have finished is kept.")
    else:
        _say(
            "This run goes on when they have ended, with what they finish. To end them instead: "
            f"Ctrl-C, then the same command with {CHOICE}=cancel before it."
        )
    while jobs:
        before = len(jobs)
        time.sleep(1 if all(isinstance(job, JobRecord) for job in jobs) else 10)
        try:
            jobs = left(folder)
        except ClusterError as error:  # no answer does not mean that they are gone
            _say(f"  the cluster does not answer: {error.what}")
            continue
        if 0 < len(jobs) != before:
            _say(f"  {_count(jobs)} left, the first: {jobs[0]}")
    _say("  All have ended.")


def _count(jobs: list[Job]) -> str:
    return f"{len(jobs)} job{'s' * (len(jobs) != 1)}"


def _say(line: str) -> None:
    print(shown(line), file=sys.stderr, flush=True)
