"""Runs Slurm's commands and daemons, and waits for what they bring about."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


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
