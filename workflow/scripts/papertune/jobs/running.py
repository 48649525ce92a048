"""Who is at work in a directory: Snakemake says that it is locked, this says by whom.

Every run writes a file of its own under ``.snakemake/`` and deletes it when it ends. What a killed
run left is deleted once Snakemake's locks are gone. Its jobs live on: their records tell of them.

``snakemake refresh`` replaces listings that other runs read, and Snakemake locks nothing for it, as
its rule declares no file. So it and other runs keep out of each other's way by these files.
"""

import atexit
import getpass
import json
import os
import shlex
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from papertune.errors import BusyError, RecordError, one_line
from papertune.files import atomic_write, read_json
from papertune.jobs.record import RUN, RUNNING, JobRecord, read_record
from papertune.records import from_dict

RUNS = Path(".snakemake", "papertune-runs")
LOCKS = Path(".snakemake", "locks")
SAME = 60.0  # seconds that a process's start may seem to move when the clock is set


@dataclass(frozen=True, slots=True)
class Run:
    """One run: who started it, where, when (seconds since 1970) and with which command.

    ``refreshes`` says that it replaces listings.
    """

    user: str
    host: str
    pid: int
    started: float
    command: str
    refreshes: bool = False

    @property
    def name(self) -> str:
        """Of its file, and what its jobs have in their records."""
        return f"{self.host}-{self.pid}"

    @property
    def alive(self) -> bool | None:
        """Whether it still runs; None where that cannot be seen from this host."""
        return None if self.host != socket.gethostname() else _lives(self.pid, self.started)

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started))
        said = f"{self.user} on {self.host}, process {self.pid}, since {since}: {self.command}"
        return one_line(said[:300])


def begin(folder: str | Path = ".", *, refreshes: bool = False) -> None:
    """Say that this process's run is at work in the folder, until the process ends."""
    user = f"user {os.getuid()}"
    with suppress(KeyError, OSError):  # containers have users without names
        user = getpass.getuser()
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    started = psutil.Process().create_time()
    run = Run(user, socket.gethostname(), os.getpid(), started, command, refreshes)
    path = Path(folder, RUNS, f"{run.name}.json").absolute()
    os.environ[RUN] = f"{run.name} {os.environ.get('SLURM_JOB_ID', '')}"

    @atexit.register
    def end() -> None:
        if os.getpid() == run.pid:  # children that were forked end too
            _delete(path)

    # where nothing can be written, Snakemake itself says so better
    with suppress(OSError), atomic_write(path) as stream:
        json.dump(asdict(run), stream)


def runs(folder: str | Path = ".") -> list[Run]:
    """The runs that are at work in a folder, or were and left their locks."""
    in_lock, found = locked(folder), []
    for path, run in _written(folder):
        # a refresh has no lock that would tell whether it still runs on another host
        if run.alive or (run.alive is None if run.refreshes else in_lock):
            found.append(run)
        else:
            _delete(path)
    return found


def left_jobs(folder: str | Path = ".") -> list[JobRecord]:
    """Jobs that go on here although their run was killed; a queue knows of those in it."""
    at_work = {"", *(run.name for _, run in _written(folder) if run.alive is not False)}
    host, found = socket.gethostname(), []
    for path in Path(folder).glob("logs/*/jobs/**/*.json"):
        pid = path.stem.rpartition("-")[2]
        if pid.isdigit() and psutil.pid_exists(int(pid)) and (job := read_record(path)):
            ours = job.run not in at_work and (job.host, job.status) == (host, RUNNING)
            if ours and _lives(job.pid, job.started):
                found.append(job)
    return found


def forget_ended(folder: str | Path = ".") -> None:
    """Take the user's word (``--unlock``) that runs which cannot be seen from here have ended."""
    for path, run in _written(folder):
        if not run.alive:
            _delete(path)


def locked(folder: str | Path = ".") -> bool:
    """Whether any run has locked files of the folder."""
    return any(Path(folder, LOCKS).glob("[!.]*"))


def at_work(folder: str | Path = ".") -> list[Run]:
    """Other runs that are, or may be, at work in a folder; not the one this process belongs to."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = [(run, run.alive) for run in runs(folder)]
    return [run for run, alive in found if alive is None or (alive and run.pid not in own)]


def make_way(folder: str | Path = ".", *, refreshes: bool = False) -> None:
    """Stop a run that would read listings while they are replaced, or replace them while read.

    A run asks after ``begin``: of two that start at the same time each then sees the
    other. Both stop (BusyError), which is safe and rare.
    """
    for run in at_work(folder):
        if run.refreshes:
            said = "a refresh is at work here and replaces the listings"
        elif refreshes:
            said = "another run is at work here and may just be reading the listings"
        else:
            continue
        raise BusyError(f"{said}: {run}", hint=_what_to_do(run))


def lock_note(folder: str | Path = ".") -> str:
    """Who holds locks of a folder or replaces its listings, and how to go on; else empty.

    It tells one thing about every run, since not every lock is in the way of every other run.
    """
    in_lock = locked(folder)
    found = [run for run in runs(folder) if in_lock or run.refreshes]
    states = {
        None: "A run on another host is, or was, at work in this directory",
        True: "Another run is at work in this directory",
        False: "A run was killed and left this directory locked",
    }
    notes = [f"{states[run.alive]}: {run}\n  What to do: {_what_to_do(run)}\n" for run in found]
    return "".join(notes) + jobs_note(folder)


def jobs_note(folder: str | Path = ".") -> str:
    """Which jobs of killed runs go on; else empty."""
    said = "".join(f"  {job}\n" for job in left_jobs(folder))
    return said and f"Jobs of a killed run are still at work; the next run waits for them:\n{said}"


def _what_to_do(run: Run) -> str:
    if run.alive:
        stop = f"`kill {run.pid}` lets its jobs finish first"
        with suppress(OSError):  # it may have ended by now
            # its jobs are in its group; a script's own group has the script in it too
            if os.getpgid(run.pid) == run.pid:
                stop += f", `kill -- -{run.pid}` stops them too (finished work is kept)"
        return f"wait until it ends, or stop it and run again: {stop}."
    once = "run your command once with --unlock, and again without"
    if run.alive is None:
        look = f"look there whether it still runs (ssh {run.host} ps -p {run.pid})"
        return f"{look}. If so, wait; if not, {once}."
    return f"{once}; finished work is kept."


def _lives(pid: int, started: float) -> bool | None:
    """Whether a process still runs; None where that is not to be seen."""
    try:
        process = psutil.Process(pid)
        # a number that another process has got since is not this one
        same = abs(process.create_time() - started) < SAME
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return None


def _written(folder: str | Path) -> list[tuple[Path, Run]]:
    found = []
    for path in sorted(Path(folder, RUNS).glob("[!.]*")):
        with suppress(OSError, ValueError, TypeError, RecordError):
            run = from_dict(Run, read_json(path))
            if isinstance(run.pid, int) and isinstance(run.started, float):
                found.append((path, run))
    return found


def _delete(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
