"""A process between a job and its server, which ends the server with all its child processes.

It does so when the job's end of a pipe closes. This also happens when the job is killed and can do
nothing itself. Orphaned processes of the server become children of this one, even in a session of their
own, so it can find and end them all.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil

DIE_WITH_PARENT, ADOPT = 1, 36  # PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER of prctl(2)
QUIET = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # ignored: the job gets them and ends this
LOOK = 0.1  # seconds between two checks
GRACE = 8.0  # seconds that a server has to end after SIGTERM
NOT_STARTED = 127  # exit status if the server could not be started


def _begin() -> None:
    """Between fork and exec: restore default signals, and die with this process."""
    for number in QUIET:
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def keep(command: list[str], environment: dict[str, str], remove: str = "") -> int:
    """Run a server until it or the job ends; returns its exit status, as a shell has it.

    ``remove`` is a folder that is deleted when the job has ended.
    """
    ctypes.CDLL(None).prctl(ADOPT, 1)
    for number in QUIET:
        signal.signal(number, signal.SIG_IGN)
    try:
        server = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=_begin,
        )  # fmt: skip
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return NOT_STARTED
    status, told = None, False
    while status is None and not told:
        told = bool(select.select([0], [], [], LOOK)[0]) and not os.read(0, 1)
        status = _reap(server.pid)
    _end_all(GRACE if status is None else 0)
    if told and remove:
        shutil.rmtree(remove, ignore_errors=True)
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _reap(server: int = 0) -> int | None:
    """Reap child processes that have ended; the server's wait status if it is among them."""
    found = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found = ended[1] if ended[0] == server else found
    return found


def _end_all(grace: float) -> None:
    """End every descendant of this process: with SIGTERM, after ``grace`` seconds with SIGKILL."""
    end = time.monotonic() + grace
    for child in _left() if grace else []:
        with suppress(psutil.Error):
            child.terminate()
    while left := _left():  # killed processes may have started others meanwhile
        if time.monotonic() >= end:
            for child in left:
                with suppress(psutil.Error):
                    child.kill()
        time.sleep(LOOK / 5)
        _reap()


def _left() -> list[psutil.Process]:
    return list(psutil.Process().children(recursive=True))


if __name__ == "__main__":
    with open(0, "rb", buffering=0, closefd=False) as pipe:
        asked = json.loads(pipe.readline())
    sys.exit(keep(**asked))
