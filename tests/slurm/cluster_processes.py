"""Which processes belong to a test cluster, and how they end.

A process is the cluster's if it is one of Slurm's programs and holds a file of the cluster's folder
open (each has its log or data there). That holds after a crash too, where a pid file may be gone or
name a number that another process has by now.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import psutil

PROGRAMS = {"munged", "mariadbd", "slurmdbd", "slurmctld", "slurmscriptd", "slurmd", "slurmstepd"}


def processes_with(path: Path) -> list[psutil.Process]:
    """Slurm's processes that have ``path``, or a file below it, open."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().rstrip(":") in PROGRAMS and _holds(process.pid, path):
                found.append(process)
        except (psutil.Error, OSError):  # it ended while we looked
            continue
    return found


def _holds(pid: int, path: Path) -> bool:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = Path(os.readlink(entry).removesuffix(" (deleted)"))
        except OSError:
            continue
        if target == path or path in target.parents:
            return True
    return False


def kill_with(path: Path) -> None:
    """SIGKILL to all processes that have ``path`` open and to all that they have started.

    Raises:
        TimeoutError: one was still there after ten seconds.
    """
    while found := processes_with(path):
        # stopped first, so that none starts another or reports how a child of its own ended
        frozen = [stopped for process in found for stopped in _freeze(process)]
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _wait_until_gone(frozen, 10)
        time.sleep(0.05)  # a job step in the making opens its log a moment later


def _freeze(process: psutil.Process) -> list[psutil.Process]:
    try:
        process.suspend()
        children = process.children()
    except psutil.NoSuchProcess:
        return []
    return [process, *(each for child in children for each in _freeze(child))]


def terminate_with(path: Path) -> None:
    """SIGTERM to the processes that have ``path`` open; return when they are gone.

    Raises:
        TimeoutError: one was still there after thirty seconds.
    """
    found = processes_with(path)
    for process in found:
        process.terminate()
    _wait_until_gone(found, 30)


def _wait_until_gone(left: list[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while left := [process for process in left if alive(process)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"still running: {left}")
        time.sleep(0.01)


def has_stopped(job: int) -> bool:
    """Whether a process of a Slurm job has been stopped by a signal."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            stopped = process.status() == psutil.STATUS_STOPPED
            if stopped and process.environ().get("SLURM_JOB_ID") == str(job):
                return True
    return False


def alive(process: psutil.Process) -> bool:
    """Whether it still does something: a zombie has ended, whoever may collect it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
