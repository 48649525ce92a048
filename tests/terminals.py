"""Runs a command on a terminal of its own, and answers its questions as a person would."""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from processes import wait_for


def on_terminal(
    command: Sequence[str | Path], folder: Path, answers: Iterable[tuple[str, str]] = (),
    *, seconds: float = 600, **environment: str,
) -> tuple[str, int]:  # fmt: skip
    """What a person sees, and the status with which it ends; it is killed after ``seconds``.

    ``answers`` are what to type, each behind a pattern of the end of the text that asks for it.
    """
    pid, end = pty.fork()
    if not pid:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell may have started the tests without
        os.execvpe(command[0], [*map(str, command)], os.environ | environment)
    seen, new, left, until = b"", b"", [*answers], time.monotonic() + seconds
    while time.monotonic() < until:
        if not select.select([end], [], [], 1)[0]:
            continue
        try:
            part = os.read(end, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        seen, new = seen + part, new + part
        if left and re.search(f"{left[0][0]}$", new.decode(errors="replace")):
            new = b""  # so that this question is answered once
            # an interrupt between the text of the question and the wait for a key is lost
            wait_for(lambda: psutil.Process(pid).status() != psutil.STATUS_RUNNING)
            os.write(end, left.pop(0)[1].encode())
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(end)
    return seen.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
