"""Who is at work in a directory: Snakemake says that it is locked, this says by whom.

Every run writes a file of its own under ``.snakemake/`` and deletes it when it ends. What a killed
run left is deleted once Snakemake's locks are gone.
"""

from __future__ import annotations

import atexit
import getpass
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from papertune.records import atomic_write

RUNS = Path(".snakemake", "papertune-runs")
LOCKS = Path(".snakemake", "locks")
SAME = 60.0  # seconds that a process's start may seem to move when the clock is set


@dataclass(frozen=True, slots=True)
class Run:
    """One run: who started it, where, when (seconds since 1970) and with which command."""

    user: str
    host: str
    pid: int
    started: float
    command: str

    @property
    def alive(self) -> bool | None:
        """Whether it still runs; None where that cannot be seen from this host."""
        import psutil

        if self.host != socket.gethostname():
            return None
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            # a number that another process has got since is not this run
            return abs(process.create_time() - self.started) < SAME
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return None

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started))
        said = (
            f"{self.user} on {self.host}, process {self.pid}, since {since}: {self.command[:200]}"
        )
        return "".join(letter if letter.isprintable() else "?" for letter in said)


def begin(folder: str | Path = ".") -> None:
    """Say that this process's run is at work in the folder, until the process ends."""
    import psutil

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # containers have users without names
        user = f"user {os.getuid()}"
    host, pid = socket.gethostname(), os.getpid()
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    run = Run(user, host, pid, psutil.Process().create_time(), command)
    path = Path(folder, RUNS, f"{host}-{pid}.json").absolute()

    def end() -> None:
        if os.getpid() == pid:  # children that were forked end too
            with suppress(OSError):
                path.unlink()

    # only a message depends on it: no reason for a run to fail
    with suppress(OSError), atomic_write(path) as stream:
        json.dump(asdict(run), stream)
    atexit.register(end)


def runs(folder: str | Path = ".") -> list[Run]:
    """The runs that are at work in a folder, or were and left their locks."""
    found = {path: run for path in _files(Path(folder, RUNS)) if (run := _read(path))}
    if not locked(folder):
        for path in [path for path, run in found.items() if not run.alive]:
            del found[path]
            with suppress(OSError):
                path.unlink()
    return list(found.values())


def locked(folder: str | Path = ".") -> bool:
    """Whether any run has locked files of the folder."""
    return bool(_files(Path(folder, LOCKS)))


def at_work(folder: str | Path = ".") -> list[str]:
    """Other runs that are, or may be, at work in a folder; not the one this process belongs to."""
    import psutil

    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [
        str(run)
        for run in runs(folder)
        if run.alive is not False and not (run.alive and run.pid in own)
    ]


def lock_note(folder: str | Path = ".") -> str:
    """Who holds locks of a folder and how to go on; empty where there is no lock.

    It tells one thing about every run, since not every lock is in the way of every other run.
    """
    if not locked(folder):
        return ""
    return "".join(f"{line}\n" for line in _advice(runs(folder)))


def _advice(found: Iterable[Run]) -> Iterable[str]:
    for run in found:
        alive = run.alive
        if alive:
            yield f"Another run is at work in this directory: {run}"
            yield f"  What to do: wait until it ends, or stop it and run again: {_stop(run.pid)}."
        elif alive is None:
            yield f"A run on another host has locked this directory: {run}"
            yield (
                f"  What to do: look there whether it still runs (ssh {run.host} ps -p {run.pid})."
                " If so, wait; if not, run your command once with --unlock, and again without."
            )
        else:
            yield f"A run was killed and left this directory locked: {run}"
            yield (
                "  What to do: run your command once with --unlock, and again without; "
                "finished work is kept."
            )


def _stop(pid: int) -> str:
    said = f"`kill {pid}` lets its jobs finish first"
    with suppress(OSError):  # it may have ended by now
        # its jobs are in its group; a script's own group has the script in it too
        if os.getpgid(pid) == pid:
            said += f", `kill -- -{pid}` stops them too (finished work is kept)"
    return said


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _read(path: Path) -> Run | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        run = Run(**values)
        return run if isinstance(run.pid, int) and isinstance(run.started, float) else None
    except (OSError, ValueError, TypeError):
        return None
