"""How much memory this machine has, and its GPUs."""

from __future__ import annotations

from papertune.jobs.gpus import driver_says


def gpu_memory() -> float | None:
    """Bytes of this machine's smallest GPU, as the driver's own tool says; None without one."""
    rows = driver_says("memory.total")
    try:
        return min(float(row[0]) for row in rows) * 2**20 if rows else None
    except ValueError:
        return None


def machine_memory() -> float:
    """Bytes of this machine."""
    import psutil

    return float(psutil.virtual_memory().total)
