"""The active runs of a directory: Snakemake says that it is locked, this module says by whom.

Every run writes its own file under ``.snakemake/`` and deletes it when it ends. The file of a
killed run is deleted once Snakemake's locks are gone. Its jobs may continue: see their records.

``snakemake refresh`` replaces listings that other runs read, but Snakemake locks nothing for it,
because its rule declares no file. So a refresh and other runs avoid each other by these files.
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
SAME = 60.0  # seconds by which a process's start time may shift when the clock is set


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its user, host, start (seconds since 1970) and command.

    ``refreshes`` means that it replaces listings.
    """

    user: str
    host: str
    pid: int
    started: float
    command: str
    refreshes: bool = False

    @property
    def name(self) -> str:
        """The name of its file, also stored in the records of its jobs."""
        return f"{self.host}-{self.pid}"

    @property
    def alive(self) -> bool | None:
        """Whether it still runs; None if this cannot be determined from this host."""
        return None if self.host != socket.gethostname() else _lives(self.pid, self.started)

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started))
        said = f"{self.user} on {self.host}, process {self.pid}, since {since}: {self.command}"
        return one_line(said[:300])


def begin(folder: str | Path = ".", *, refreshes: bool = False) -> None:
    """Register this process's run in the folder, until the process ends."""
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
        if os.getpid() == run.pid:  # not in forked children
            _delete(path)

    # if nothing can be written, Snakemake's own message is clearer
    with suppress(OSError), atomic_write(path) as stream:
        json.dump(asdict(run), stream)


def runs(folder: str | Path = ".") -> list[Run]:
    """The runs that are active in a folder, or were killed and left their locks."""
    in_lock, found = locked(folder), []
    for path, run in _written(folder):
        # a refresh has no lock by which to tell whether it still runs on another host
        if run.alive or (run.alive is None if run.refreshes else in_lock):
            found.append(run)
        else:
            _delete(path)
    return found


def left_jobs(folder: str | Path = ".") -> list[JobRecord]:
    """Local jobs that continue although their run was killed, without those in a queue."""
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
    """Forget runs on other hosts, which the user declares ended by ``--unlock``."""
    for path, run in _written(folder):
        if not run.alive:
            _delete(path)


def locked(folder: str | Path = ".") -> bool:
    """Whether any run has locked files in the folder."""
    return any(Path(folder, LOCKS).glob("[!.]*"))


def at_work(folder: str | Path = ".") -> list[Run]:
    """Other runs that are, or may be, active in a folder; without this process's run."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = [(run, run.alive) for run in runs(folder)]
    return [run for run, alive in found if alive is None or (alive and run.pid not in own)]


def make_way(folder: str | Path = ".", *, refreshes: bool = False) -> None:
    """Stop a run that would read listings during a refresh, or refresh them during a run.

    It is called after ``begin``, so of two runs that start at the same time each sees the other.
    Both then stop (BusyError), which is safe and rare.
    """
    for run in at_work(folder):
        if run.refreshes:
            said = "a refresh is replacing the listings here"
        elif refreshes:
            said = "another run is active here and may be reading the listings"
        else:
            continue
        raise BusyError(f"{said}: {run}", hint=_what_to_do(run))


def lock_note(folder: str | Path = ".") -> str:
    """Who holds locks of a folder or replaces its listings, and how to continue; else empty.

    It reports every run, though not every lock blocks every other run.
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
    """Which jobs of killed runs continue; else empty."""
    said = "".join(f"  {job}\n" for job in left_jobs(folder))
    return said and f"Jobs of a killed run are still at work; the next run waits for them:\n{said}"


def _what_to_do(run: Run) -> str:
    if run.alive:
        stop = f"`kill {run.pid}` lets its jobs finish first"
        with suppress(OSError):  # the run may have ended by now
            # its jobs are in its process group; that of a script includes the script itself
            if os.getpgid(run.pid) == run.pid:
                stop += f", `kill -- -{run.pid}` stops them too (finished work is kept)"
        return f"wait until it ends, or stop it and run again: {stop}."
    once = "run your command once with --unlock, and again without"
    if run.alive is None:
        look = f"check there whether it still runs (ssh {run.host} ps -p {run.pid})"
        return f"{look}. If so, wait; if not, {once}."
    return f"{once}; finished work is kept."


def _lives(pid: int, started: float) -> bool | None:
    """Whether a process still runs; None if this cannot be determined."""
    try:
        process = psutil.Process(pid)
        # the process id may have been reused since
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
