"""Graceful stopping on SIGTERM, which precedes a time limit or preemption, or comes from ``kill``.

The signal only sets a flag, so nothing is torn. Loops check the flag between two items, when
finished items are on disk, and end the job there; its next attempt continues from that. Code that
waits for a network loses nothing and ends at once. If the flag is not checked for some seconds, the
guard ends the process: files are written atomically, and the store skips a torn line.
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
LOOK = 0.2  # seconds between two checks while sleeping
PATIENCE = 4.0  # seconds without a check; sites give 10 and more between two signals

last_words: Callable[[], None] | None = None  # called before the guard ends the process

_request: tuple[str, float] | None = None  # the cause, and its time on the monotonic clock
_waiting = False  # the main thread waits for something long that can be repeated
_unhurried = False  # the guard leaves it to the main thread to end
_looked = 0.0  # time of the main thread's last check, on the monotonic clock
_first = threading.Lock()  # held by the first request
_alarm = -1  # wakes the guard; Python writes to it on a signal, too


class Interrupted(PapertuneError):
    """The job stopped on request, with all finished work on disk."""


def install() -> None:
    """Handle SIGTERM from now on, even if a shell had it ignored; call it in the main thread."""
    global _request, _first
    _request, _first = None, threading.Lock()
    signal.signal(signal.SIGTERM, _on_signal)


def guard() -> None:
    """Start the guard, which ends this process in time; call it in the main thread."""
    global _alarm
    reader, _alarm = os.pipe()
    os.set_blocking(_alarm, False)
    signal.set_wakeup_fd(_alarm, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_unguarded)  # a child's signals must not wake this guard
    threading.Thread(target=_watch, args=[reader], name="guard", daemon=True).start()


def _unguarded() -> None:
    global _alarm
    _alarm = -1
    signal.set_wakeup_fd(-1)


def _watch(reader: int) -> None:
    while os.read(reader, 1)[0] != signal.SIGTERM:  # other signals wake the guard, too
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
    """Ask the process to stop at the next :func:`check`; the first request is the one named."""
    global _request, _looked
    if not _first.acquire(blocking=False):
        return
    _looked = time.monotonic()
    _request = (what, _looked)
    # in a thread: the signal may have interrupted this one while it was writing to the log
    said = threading.Thread(target=log.warning, args=("%s: ending as soon as possible", what))
    with suppress(RuntimeError):  # another thread may not be possible
        said.start()
    if _alarm >= 0:
        with suppress(BlockingIOError):
            os.write(_alarm, bytes([signal.SIGTERM]))


def requested() -> str:
    """The cause of a request to stop; empty without one. Calling it counts as a check."""
    global _looked
    if threading.current_thread() is threading.main_thread():
        _looked = time.monotonic()
    return _request[0] if _request else ""


def check() -> None:
    """Raise Interrupted if the job was asked to stop; call it when finished work is on disk."""
    global _unhurried
    if requested():
        if threading.current_thread() is threading.main_thread():
            _unhurried = False  # nothing more to finish on the way out
        raise _interrupted()


def _interrupted() -> Interrupted:
    what, since = _request or ("", time.monotonic())
    return Interrupted(
        f"stopped by {what}, {time.monotonic() - since:.1f} s after it came: "
        "finished work is kept; the next attempt continues from it"
    )


@contextmanager
def at_once() -> Iterator[None]:
    """Context in which the signal raises Interrupted at once: requests, pauses, downloads, reading.

    The work inside must be repeatable. Signals reach the main thread only; elsewhere this is a
    no-op.
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
    """Context in which the main thread ends only at its own checks, however long that takes.

    For work that would otherwise be lost and may need all the time that a site gives: a training
    step and its checkpoint, replies in transit.
    """
    global _unhurried
    before, _unhurried = _unhurried, True
    try:
        yield
    finally:
        requested()
        _unhurried = before


def pause(seconds: float) -> None:
    """Sleep, but end early if the process is asked to stop."""
    end = time.monotonic() + seconds
    while not requested() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK))


def _on_signal(number: int, frame: FrameType | None) -> None:
    request(signal.Signals(number).name)
    if _waiting:
        check()
