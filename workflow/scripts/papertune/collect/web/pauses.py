"""Pauses between requests to a host, kept by all threads, jobs and runs that share a folder."""

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

# Minimum seconds between two requests to a host or its subdomains, whatever fetching.delay is: the
# rates that their operators ask of programs.
HOST_DELAYS = {
    "arxiv.org": 3.0,  # one request in three seconds, over all machines of one person
    "export.arxiv.org": 3.0,
    "dblp.org": 2.0,  # one request in one or two seconds, else 429
    "sparql.dblp.org": 2.0,
    "api.semanticscholar.org": 1.0,  # one a second with a key
    "api.crossref.org": 0.2,  # five a second without a contact, ten with one
    "api.openalex.org": 0.1,
    "api.stackexchange.com": 0.1,  # over thirty a second the address is blocked
    "wikipedia.org": 0.3,  # 200 a minute with a User-Agent that names a contact
    "wikimedia.org": 0.3,
}
PATIENCE = 600.0  # seconds; a host that asks for a longer wait gets no more requests in this job
TRY_AGAIN = 0.02  # seconds between two tries for a lock that another process has
LOOK = stopping.LOOK  # seconds between two checks while sleeping

Alive = Callable[[], None]
_locks: dict[str, threading.Lock] = {}  # by file


def least_delay(host: str) -> float:
    """A host's minimum delay in seconds, by :data:`HOST_DELAYS`: its own, else its domain's."""
    while host and host not in HOST_DELAYS:
        host = host.partition(".")[2]
    return HOST_DELAYS.get(host, 0.0)


class Slot:
    """The turn of one request, whose sender may ask for a longer pause after it."""

    rest = 0.0  # seconds from the end of the request on


class HostPauses:
    """Each host's last request time and the end of its requested wait: one small file per host.

    The file is locked from before the pause until the response, so requests to a host are sent one
    after another with the pause between them, by whichever thread, job or run. The lock is
    ``flock``: it works on local disks, on NFS (from Linux 2.6.12 on, unless mounted with ``nolock``
    or ``local_lock``) and on Lustre mounted with ``flock``, and ends with its process. Without
    locks only the times keep the pause: two processes may then send requests at the same moment, so
    jobs should run one at a time there (resource ``web``).
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @contextmanager
    def slot(self, host: str, delay: float, alive: Alive = stopping.check) -> Iterator[Slot]:
        """Wait until ``delay`` seconds after the host's last response; send the request within.

        An exception raised by ``alive`` ends the wait.
        """
        with locked(self._path(host), alive) as file:
            (asked, rest), now = _read(file), time.time()
            # a clock that was set back, or another machine's, must not lengthen a pause
            pause = max(min(asked + delay - now, delay), min(rest - now, PATIENCE))
            if pause > 30:
                log.info("%s: waiting %.0f s, as the site or fetching.delay asks", host, pause)
            nap(pause, alive)
            _write(file, time.time(), 0.0)  # now, as the job may be killed during the request
            slot = Slot()
            try:
                yield slot
            finally:
                # counted from the response, so that a slow host gets its whole pause
                now = time.time()
                _write(file, now, now + slot.rest if 0 < slot.rest <= PATIENCE else 0.0)

    def asked(self, host: str, alive: Alive = stopping.check) -> None:
        """Record a request to the host that was sent by other means."""
        with locked(self._path(host), alive) as file:
            _write(file, time.time(), _read(file)[1])

    def _path(self, host: str) -> Path:
        return self.folder / hashlib.sha256(host.encode()).hexdigest()[:16]


@contextmanager
def held(lock: threading.Lock, alive: Alive) -> Iterator[None]:
    """Hold a lock in the context; an exception raised by ``alive`` ends the wait for it."""
    while not lock.acquire(timeout=LOOK):
        alive()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked(path: Path, alive: Alive = stopping.check) -> Iterator[int]:
    """Lock a file, made if missing, against other threads and processes; yields its descriptor."""
    # flock on NFS excludes processes only, not threads
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
    """Another thread or process holds the lock."""


def _taken() -> None:
    raise _Taken


@contextmanager
def one_of(folder: Path, name: str, count: int, alive: Alive = stopping.check) -> Iterator[None]:
    """Hold one of ``count`` places in the context, among all jobs that share a folder."""
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
    """Lock an open file unless another process has it; True also where locks are not supported."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _tell_of_no_locks(error.strerror)
    return True


@cache
def _tell_of_no_locks(why: str) -> None:
    log.warning("the folder of pauses has no file locks (%s): run web jobs one at a time", why)


def nap(seconds: float, alive: Alive = stopping.check) -> None:
    """Sleep for some seconds; an exception raised by ``alive`` ends it."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK))
        alive()


def _read(file: int) -> tuple[float, float]:
    """Unix times of the last request and of the end of the requested wait; zero if unknown."""
    with suppress(ValueError):
        asked, rest = map(float, os.pread(file, 100, 0).split())
        return asked, rest
    return 0.0, 0.0


def _write(file: int, asked: float, rest: float) -> None:
    text = f"{asked:.6f} {rest:.6f}\n".encode()
    os.pwrite(file, text.ljust(40), 0)  # padded, so that nothing older is left after it
