"""When a host may be asked: one pause for all threads, jobs and runs that share a folder."""

import fcntl
import hashlib
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from papertune.jobs import stopping
from papertune.owned import make_folder, own

log = logging.getLogger("papertune")

# Seconds that lie at least between two requests to a host or those below it, whatever
# fetching.delay says: what their operators ask of programs.
HOST_DELAYS = {
    "arxiv.org": 3.0,  # one request in three seconds, over all machines of one person
    "export.arxiv.org": 3.0,
    "dblp.org": 2.0,  # one request in one or two seconds, else 429
    "sparql.dblp.org": 2.0,
    "api.semanticscholar.org": 1.0,  # one a second with a key
    "api.crossref.org": 0.2,  # five a second without a contact, ten with one
    "api.openalex.org": 0.1,
    "api.stackexchange.com": 0.1,  # over thirty a second the address is blocked
    "wikipedia.org": 0.3,  # 200 a minute with a User-Agent that names who asks
    "wikimedia.org": 0.3,
}
PATIENCE = 600.0  # seconds; who asks for a longer rest than this is not asked again in this job
TRY_AGAIN = 0.02  # seconds between two tries for a lock that another process has
LOOK = stopping.LOOK  # seconds between two looks of who sleeps

Alive = Callable[[], None]
_locks: dict[str, threading.Lock] = {}  # by file


def least_delay(host: str) -> float:
    """The seconds of :data:`HOST_DELAYS` for a host: its own, else those of the domain above."""
    while host and host not in HOST_DELAYS:
        host = host.partition(".")[2]
    return HOST_DELAYS.get(host, 0.0)


class Slot:
    """The time of one request; who has it may have the host left alone for longer."""

    rest = 0.0  # seconds from the end of the request on


class HostPauses:
    """When each host was last asked, and until when it wants to rest: one small file per host.

    The file is locked from before the pause until the answer, so requests to a host go one after
    another with the pause between them, whichever thread, job or run sends them. The lock is
    ``flock``: it holds on local disks, on NFS (from Linux 2.6.12 on, unless mounted with ``nolock``
    or ``local_lock``) and on Lustre mounted with ``flock``, and goes with its process. Where there
    is none, the times alone keep the pause: two processes that ask in the same moment may then ask
    too early, so jobs should go one at a time there (resource ``web``).
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @contextmanager
    def slot(self, host: str, delay: float, alive: Alive = stopping.check) -> Iterator[Slot]:
        """Wait until ``delay`` seconds after the host's last answer, and ask it within.

        What ``alive`` raises while waiting ends the wait.
        """
        with locked(self._path(host), alive) as file:
            (asked, rest), now = _read(file), time.time()
            # a clock that was put back, or another machine's, must make no pause longer than it is
            pause = max(min(asked + delay - now, delay), min(rest - now, PATIENCE))
            if pause > 30:
                log.info("%s: waiting %.0f s, as the site or fetching.delay asks", host, pause)
            nap(pause, alive)
            _write(file, time.time(), 0.0)  # a killed job has asked, too
            slot = Slot()
            try:
                yield slot
            finally:
                # from the answer on: a host that is slow to answer gets its rest all the same
                now = time.time()
                _write(file, now, now + slot.rest if 0 < slot.rest <= PATIENCE else 0.0)

    def asked(self, host: str, alive: Alive = stopping.check) -> None:
        """The host has just been asked by other means."""
        with locked(self._path(host), alive) as file:
            _write(file, time.time(), _read(file)[1])

    def _path(self, host: str) -> Path:
        return self.folder / hashlib.sha256(host.encode()).hexdigest()[:16]


@contextmanager
def held(lock: threading.Lock, alive: Alive) -> Iterator[None]:
    """Wait for a lock, and have it within; what ``alive`` raises ends the wait."""
    while not lock.acquire(timeout=LOOK):
        alive()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked(path: Path, alive: Alive = stopping.check) -> Iterator[int]:
    """A file that no other thread or process has meanwhile; made if it is not there."""
    # flock is between processes, and on NFS between nothing smaller
    with held(_locks.setdefault(os.path.realpath(path), threading.Lock()), alive):
        make_folder(path.parent)
        file = own(str(path), os.O_RDWR | os.O_CREAT)
        try:
            while not _try_lock(file):
                nap(TRY_AGAIN, alive)
            yield file
        finally:
            os.close(file)  # and the lock with it


class _Taken(Exception):
    """Another has it."""


def _taken() -> None:
    raise _Taken


@contextmanager
def one_of(folder: Path, name: str, count: int, alive: Alive = stopping.check) -> Iterator[None]:
    """Wait for one of ``count`` places, and have it within, over all jobs that share a folder."""
    for attempt in itertools.count(1):
        try:
            with locked(folder / f"{name}-{attempt % count + 1}", _taken):
                yield
                return
        except _Taken:
            if attempt == count:
                log.info("waiting: %d of %d places for a %s are taken", count, count, name)
            nap(LOOK, alive)


def _try_lock(file: int) -> bool:
    """Lock an open file unless another has it; True also where there are no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _tell_of_no_locks(error.strerror)
    return True


@cache
def _tell_of_no_locks(why: str) -> None:
    log.warning("no locks in the folder of pauses (%s): jobs must ask the web one at a time", why)


def nap(seconds: float, alive: Alive = stopping.check) -> None:
    """Sleep, and see meanwhile whether the job is to end."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK))
        alive()


def _read(file: int) -> tuple[float, float]:
    """When the host was last asked, and until when it wants to rest; zero where nobody knows."""
    with suppress(ValueError):
        asked, rest = map(float, os.pread(file, 100, 0).split())
        return asked, rest
    return 0.0, 0.0


def _write(file: int, asked: float, rest: float) -> None:
    text = f"{asked:.6f} {rest:.6f}\n".encode()
    os.pwrite(file, text.ljust(40), 0)  # of one length: nothing older is left behind it
