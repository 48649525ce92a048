"""How busy the GPUs of this job are, as the driver's own tool says."""

from __future__ import annotations

import os

from papertune.jobs.gpus import VISIBLE, driver_says


def busy_share(asked: int) -> float | None:
    """How many GPUs' worth of work the job's GPUs do just now: 1.5 is two at 75 %.

    Args:
        asked: GPUs that the job asked for: the first so many, where nothing says which it has.

    Returns:
        None where there is no tool, or a GPU says nothing (a part of a shared one).
    """
    chosen = os.environ.get(VISIBLE) or ",".join(map(str, range(asked)))
    rows = driver_says("utilization.gpu", of=chosen)
    try:
        return None if rows is None else sum(float(row[0]) for row in rows) / 100
    except ValueError:
        return None
