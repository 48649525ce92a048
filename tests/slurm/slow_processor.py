"""A processor of which a process gets a part only, by the kernel's control groups."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup")
PERIOD = 100_000  # microseconds


@contextmanager
def slow_processor(share: float) -> Iterator[Path]:
    """A file: who writes its process id there has that share of one processor from then on.

    Skips the test where this machine has no such groups, of either version.
    """
    quota = round(share * PERIOD)
    if (GROUPS / "cgroup.controllers").exists():
        group = GROUPS / "papertune-slow"
        settings = {"cpu.max": f"{quota} {PERIOD}"}
    else:
        group = GROUPS / "cpu/papertune-slow"
        settings = {"cpu.cfs_period_us": f"{PERIOD}", "cpu.cfs_quota_us": f"{quota}"}
    try:
        group.mkdir(exist_ok=True)
        for name, value in settings.items():
            (group / name).write_text(value)
    except OSError as error:
        pytest.skip(f"this machine does not let root slow a process down: {error}")
    try:
        yield group / "cgroup.procs"
    finally:
        for _ in range(50):  # until its last process has ended
            with suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)
