"""A processor of which a process gets a part only, by the kernel's control groups."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup")


@contextmanager
def slow_processor(share: float) -> Iterator[Path]:
    """A file: who writes its process id there has that share of one processor from then on.

    Skips the test where this machine has no such groups, of either version.
    """
    quota, second = f"{round(share * 100_000)}", (GROUPS / "cgroup.controllers").exists()
    group = GROUPS / ("" if second else "cpu") / "papertune-slow"
    first = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": quota}
    try:
        group.mkdir(exist_ok=True)
        for name, value in ({"cpu.max": f"{quota} 100000"} if second else first).items():
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
