"""Ending well on SIGTERM, which comes before a time limit, a preemption or from ``kill``.

The signal only leaves a mark, so nothing is torn. Loops look for the mark between two items, when
what is finished is on disk, and end the job there; its next attempt goes on from that. Who waits
for a network has nothing to lose and ends at once. Where nobody looks for some seconds, the guard
ends the process: a file has its name once it is whole, and the store passes a torn line over.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from papertune.errors import PapertuneError

log = logging.getLogger("papertune")

STATUS = os.EX_TEMPFAIL  # 75, of sysexits.h: the same command may succeed when it is run again
LOOK = 0.2  # seconds between two looks of who sleeps
PATIENCE = 4.0  # seconds without a look; sites give 10 and more between two signals

last_words: Callable[[], None] | None = None  # what a job notes down where the guard ends it

_request: tuple[str, float] | None = None  # what asked, and when on the monotonic clock
_waiting = False  # for something that may take long and can be asked for again
_unhurried = False  # the guard leaves it to the main thread to end
_looked = 0.0  # when the main thread last did, on the monotonic clock
_first = threading.Lock()  # is held by the first to ask
_alarm = -1  # the guard reads what is written here; so does Python itself on a signal


class Interrupted(PapertuneError):
    """The job was asked to stop and did, with everything finished on disk."""


def install() -> None:
    """Take SIGTERM from now on, also where a shell had it ignored; call it in the main thread."""
    global _request, _first
    _request, _first = None, threading.Lock()
    signal.signal(signal.SIGTERM, _on_signal)


def guard() -> None:
    """End this process in time, whatever the main thread, which calls this, is in by then."""
    global _alarm
    reader, _alarm = os.pipe()
    os.set_blocking(_alarm, False)
    signal.set_wakeup_fd(_alarm, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_unguarded)  # or what is told to a child would be heard here
    threading.Thread(target=_watch, args=[reader], name="guard", daemon=True).start()


def _unguarded() -> None:
    global _alarm
    _alarm = -1
    signal.set_wakeup_fd(-1)


def _watch(reader: int) -> None:
    while os.read(reader, 1)[0] != signal.SIGTERM:  # other signals wake it, too
        pass
    request(signal.SIGTERM.name)
    while _unhurried or time.monotonic() - _looked < PATIENCE:
        time.sleep(LOOK)
    log.error("%s", _interrupted())
    with suppress(Exception):
        if last_words:
            last_words()
    os._exit(STATUS)


def request(what: str) -> None:
    """Ask the process to stop at the next :func:`check`; the first to ask is the one named."""
    global _request, _looked
    if not _first.acquire(blocking=False):
        return
    _looked = time.monotonic()
    _request = (what, _looked)
    # in a thread: the signal may have come while this one was writing to the same log
    said = threading.Thread(target=log.warning, args=("%s: ending as soon as can be", what))
    with suppress(RuntimeError):  # there may be no room for another thread
        said.start()
    if _alarm >= 0:
        with suppress(BlockingIOError):
            os.write(_alarm, bytes([signal.SIGTERM]))


def requested() -> str:
    """What asked the process to stop; empty if nothing did. Who asks has patience anew."""
    global _looked
    if threading.current_thread() is threading.main_thread():
        _looked = time.monotonic()
    return _request[0] if _request else ""


def check() -> None:
    """Raise Interrupted if the job was asked to stop; call it where what is finished is on disk."""
    global _unhurried
    if requested():
        if threading.current_thread() is threading.main_thread():
            _unhurried = False  # what is on its way out has nothing more to finish
        raise _interrupted()


def _interrupted() -> Interrupted:
    what, since = _request or ("", time.monotonic())
    return Interrupted(
        f"stopped by {what}, {time.monotonic() - since:.1f} s after it came: "
        "what is finished is kept; the next attempt goes on from it"
    )


@contextmanager
def at_once() -> Iterator[None]:
    """Within, the signal raises Interrupted at once: for requests, pauses, downloads, reading.

    Nothing may be lost that is done there. Signals come to the main thread: in others it does nothing.
    """
    global _waiting
    check()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, _waiting = _waiting, True
    try:
        yield
    finally:
        _waiting = before


@contextmanager
def unhurried() -> Iterator[None]:
    """Within, in the main thread, the job ends where it looks, however long that takes.

    For what would be lost otherwise and may need all the time that a site gives: a step of training
    and its checkpoint, replies that are on their way.
    """
    global _unhurried
    before, _unhurried = _unhurried, True
    try:
        yield
    finally:
        requested()
        _unhurried = before


def pause(seconds: float) -> None:
    """Sleep, but not on when the process is asked to stop."""
    end = time.monotonic() + seconds
    while not requested() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK))


def _on_signal(number: int, frame: FrameType | None) -> None:
    request(signal.Signals(number).name)
    if _waiting:
        check()
