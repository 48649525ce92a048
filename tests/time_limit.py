"""A limit on a test's processor time, whatever else the machine does."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager


class TooSlow(Exception):
    """More processor time was used than there is."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooSlow where the body uses more processor seconds of this process."""

    def stop(*_: object) -> None:
        raise TooSlow(f"more than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    began = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
        took = time.process_time() - began
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    if took > seconds:
        raise TooSlow(f"{took:.2f} s, more than {seconds} s")
