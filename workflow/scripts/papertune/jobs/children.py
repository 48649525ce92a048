"""Processes that a job starts with this library in them, and what they tell."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from papertune.jobs.progress import quieten

log = logging.getLogger("papertune")

LIBRARY = Path(__file__).parents[2]
# -P: a file of the working directory must not stand for a module
PYTHON = (sys.executable, "-P", "-m")
LAST = 5.0  # seconds that a process's last words may take to come


class Child:
    """A process whose words go to the log of this one.

    Args:
        name: Stands before what it tells; may be empty.
        command: Its command line.
        environment: What its environment has besides that of this process.
    """

    def __init__(self, name: str, command: Sequence[str], **environment: str) -> None:
        self.name = name
        path = os.pathsep.join(filter(None, [str(LIBRARY), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # its end tells the child that this process is gone
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, PYTHONPATH=path) | environment,
        )
        self.last = ""  # line that it told
        self._reader = threading.Thread(target=self._relay, daemon=True)
        self._reader.start()

    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def end(self) -> None:
        """See that it has ended and that everything it told is in the log."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(LAST)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not self._reader.is_alive():
                pipe.close()

    def _relay(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.decode("utf-8", errors="replace").rstrip().rpartition("\r")[2]
            level, _, said = text.partition(" ")
            number = logging.getLevelNamesMapping().get(level)
            self.last = text if number is None else said
            before = f"{self.name}: " if self.name else ""
            log.log(number or logging.INFO, "%s%s", before, self.last)


def tell_parent(level: int = logging.INFO, who: str = "") -> None:
    """In the child: have what is logged told so that the parent knows its level.

    Args:
        level: Of what is told.
        who: Stands before it.
    """
    form = f"%(levelname)s {f'{who}: ' if who else ''}%(message)s"
    logging.basicConfig(level=level, format=form, stream=sys.stderr, force=True)
    quieten()
