"""How busy the GPUs of this job are, as the driver's own tool says."""

from __future__ import annotations

import os
import shutil
import subprocess

SECONDS = 10  # for an answer; a driver in trouble gives none


def busy_share(asked: int) -> float | None:
    """How many GPUs' worth of work the job's GPUs do just now: 1.5 is two at 75 %.

    Args:
        asked: GPUs that the job asked for: the first so many, where nothing says which it has.

    Returns:
        None where there is no tool, or a GPU says nothing (a part of a shared one).
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    chosen = given or ",".join(map(str, range(asked)))
    query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            [tool, f"--id={chosen}", *query],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return sum(float(line) for line in answer.stdout.split()) / 100
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
