"""Runs Slurm's commands and daemons, and finds its processes and ends them.

A process is the cluster's if it is one of Slurm's programs and holds a file of the cluster's folder
open (each has its log or data there). That holds after a crash too, where a pid file may be gone or
name a number that another process has by now.
"""

import os
import subprocess
import time
from collections.abc import Callable
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


def search_path() -> str:
    """PATH with the folders where Debian puts daemons."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Commands:
    """Commands of one cluster; when one fails, the ends of its logs are shown.

    Args:
        logs: the folder of the daemons' logs.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command to its end; output and errors as one text.

        Raises:
            RuntimeError: it failed although ``check`` is set.
        """
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(),
            timeout=60,
            check=False,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}\n{self.log_ends()}")
        return done.stdout

    def daemon(self, *command: str) -> None:
        """Start what puts itself in the background; a pipe for its output would never end.

        Raises:
            RuntimeError: it did not start.
        """
        with self._output() as output:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                timeout=60,
                check=False,
            )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed\n{self.log_ends()}")

    def in_background(self, *command: str) -> subprocess.Popen[bytes]:
        """Start what stays in the foreground, and leave it running."""
        with self._output() as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                start_new_session=True,
            )

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
        """Wait for a condition.

        Raises:
            RuntimeError: it did not come; names ``what`` was waited for.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {seconds} s for {what}\n{self.log_ends()}")
            time.sleep(0.1)

    def log_ends(self) -> str:
        """The last lines of all logs."""
        ends = ""
        for log in sorted(self.logs.glob("*")):
            lines = log.read_text(errors="replace").splitlines()[-8:]
            ends += "\n".join((f"== {log.name}", *lines, ""))
        return ends

    def _output(self):
        return (self.logs / "start.log").open("a")


def _environment() -> dict[str, str]:
    """The environment without what an outer Slurm job would bring along."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    return {**ours, "PATH": search_path()}
