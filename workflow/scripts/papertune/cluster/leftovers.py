"""Wait for, or end, jobs of killed runs that continue here or in the queue.

They would write the same results as the jobs of a new run. Local jobs are known by their records.
Every run that submits leaves its name, so that the queue is queried only if there may be such jobs,
and so that they can be told from the jobs of another active run.
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
    """Record the name of this run, which its jobs carry, before the first is submitted."""
    path = Path(folder, RUNS, f"{socket.gethostname()}-{os.getpid()}.json").absolute()
    with atomic_write(path) as stream:
        json.dump({"run": run}, stream)


def left(folder: str | Path = ".") -> list[Job]:
    """The jobs left by runs of this folder; the queue is not queried if none was submitted.

    Jobs of a run that is active, or that still holds its locks, are not included: their outputs
    are locked.

    Raises:
        ClusterError: the cluster does not answer.
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
    """Wait until no job of an earlier run is left, or cancel all of them.

    ``PAPERTUNE_LEFTOVERS`` chooses: ``wait`` (the default), ``cancel``, or ``ignore`` if the user
    knows that there are none.

    Raises:
        ClusterError: the cluster does not answer, or the choice is unknown.
    """
    choice = os.environ.get(CHOICE, "wait")
    if choice not in {"wait", "cancel", "ignore"}:
        hint = "wait, cancel or ignore"
        raise ClusterError(f"no such choice: {choice!r}", where=CHOICE, hint=hint)
    try:
        jobs = [] if choice == "ignore" else left(folder)
    except ClusterError as error:
        raise ClusterError(
            f"jobs of an earlier run may be at work; the cluster does not answer: {error.what}",
            hint=f"wait until it answers; or, if you know that there are none, set {CHOICE}=ignore",
        ) from None
    if not jobs:
        return
    listed = "".join(f"\n  {job}" for job in jobs)
    _say(f"An earlier run of this directory has left {_count(jobs)} at work:{listed}")
    if choice == "cancel":
        # jobs stop at the next safe point, with everything finished on disk
        for job in jobs:
            if isinstance(job, JobRecord):
                with suppress(ProcessLookupError):
                    os.kill(job.pid, signal.SIGTERM)
        if queued := [job.id for job in jobs if isinstance(job, QueuedJob)]:
            slurm.ask("scancel", *queued, seconds=60)
        _say(f"They are being stopped ({CHOICE}=cancel); finished work is kept.")
    else:
        _say(
            "This run continues when they have ended, with their results. To stop them instead: "
            f"Ctrl-C, then the same command with {CHOICE}=cancel before it."
        )
    while jobs:
        before = len(jobs)
        time.sleep(1 if all(isinstance(job, JobRecord) for job in jobs) else 10)
        try:
            jobs = left(folder)
        except ClusterError as error:  # without an answer, jobs may still be running
            _say(f"  the cluster does not answer: {error.what}")
            continue
        if 0 < len(jobs) != before:
            _say(f"  {_count(jobs)} left, the first: {jobs[0]}")
    _say("  All have ended.")


def _count(jobs: list[Job]) -> str:
    return f"{len(jobs)} job{'s' * (len(jobs) != 1)}"


def _say(line: str) -> None:
    print(shown(line), file=sys.stderr, flush=True)
