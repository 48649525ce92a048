"""How much memory this machine has, and its GPUs."""

from __future__ import annotations

import shutil
import subprocess

SECONDS = 10  # for an answer; a driver in trouble gives none


def gpu_memory() -> float | None:
    """Bytes of this machine's smallest GPU, as the driver's own tool says; None without one."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = ["--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(
            [tool, *query],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return min(float(line) for line in said.stdout.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def machine_memory() -> float:
    """Bytes of this machine."""
    import psutil

    return float(psutil.virtual_memory().total)
