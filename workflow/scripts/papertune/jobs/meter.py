"""Measures what a process and its children use, from a thread beside the work."""

import os
import re
import resource
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from papertune.jobs.gpus import busy_share

FIRST, LATER = 1.0, 10.0  # seconds between two looks, early and later
TELL = 60.0  # seconds between two reports


class Meter:
    """Measures while it is entered.

    CPU time is exact for all children that have ended and were waited for. Memory is the peak of
    this process itself, or, if that is more, the most that it and its children held together at one
    look. How busy GPUs are is taken at each look, and only if the job asked for some.

    Args:
        gpus: GPUs that the job asked for.
        tell: Called with this meter about once a minute.
    """

    def __init__(self, gpus: int, tell: "Callable[[Meter], None]") -> None:
        self.gpus, self.tell = gpus, tell
        self._process = psutil.Process()
        self._held = 0
        self._gpu_seconds: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="meter", daemon=True)

    def __enter__(self) -> "Meter":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def used(self) -> dict[str, Any]:
        """What was used so far, as a record has it; no GPU seconds where no GPU says anything."""
        own = os.times()
        cpu = own.user + own.system + own.children_user + own.children_system
        held = 0
        # a child may end while it is looked at
        with suppress(psutil.Error, OSError):
            held = self._process.memory_info().rss
            for child in self._process.children(recursive=True):
                with suppress(psutil.Error):
                    cpu += sum(child.cpu_times()[:4])
                    held += child.memory_info().rss
        self._held = max(self._held, held)
        busy = None if self._gpu_seconds is None else round(self._gpu_seconds, 1)
        peak = max(self._held, own_peak())
        return {"cpu_seconds": round(cpu, 2), "peak_memory": peak, "gpu_seconds": busy}

    def _watch(self) -> None:
        wait, told, looked = FIRST, time.monotonic(), time.monotonic()
        while not self._stop.wait(wait):
            wait = min(wait * 2, LATER)
            self.used()
            share = busy_share(self.gpus) if self.gpus else None
            now = time.monotonic()
            if share is not None:
                self._gpu_seconds = (self._gpu_seconds or 0.0) + share * (now - looked)
            looked = now
            if now - told >= TELL and not self._stop.is_set():
                told = now
                self.tell(self)


def own_peak() -> int:
    """The most memory (bytes) that this process itself held at any time.

    What ``getrusage`` calls so is, on Linux, at least what the process held that started this one.
    """
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
        if found:
            return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
