"""The GPUs of this machine: their assignment to jobs, their load and their memory.

Snakemake counts GPUs but does not assign them: without this, all concurrent jobs would use the
first one.
"""

import fcntl
import logging
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from papertune.owned import own, private_folder

log = logging.getLogger("papertune")

VISIBLE = "CUDA_VISIBLE_DEVICES"


@contextmanager
def own_gpus(count: int) -> Iterator[None]:
    """Make visible to this process and its children only GPUs not taken by this user's other jobs.

    Each is taken by a file lock, which is released when the process ends. If too few are free, some
    are shared. Nothing is done if a scheduler or the user has chosen (``CUDA_VISIBLE_DEVICES``), if
    GPUs are partitioned (MIG), or if there is no choice.
    """
    rows = _driver_says("uuid", "mig.mode.current") if count and VISIBLE not in os.environ else []
    present = [row[0] for row in rows]
    if len(present) <= count or any(row[1:] == ["Enabled"] for row in rows):
        yield
        return
    with ExitStack() as held:
        free: list[str] = []
        for gpu in present:
            if len(free) < count and (lock := _taken(gpu)):
                held.enter_context(lock)
                free.append(gpu)
        if len(free) < count:
            log.warning("%d of %d GPUs are free, %d requested: they are shared",
                        len(free), len(present), count)  # fmt: skip
        mine = free + [gpu for gpu in present if gpu not in free]
        os.environ[VISIBLE] = ",".join(mine[:count])
        try:
            yield
        finally:
            del os.environ[VISIBLE]


def _taken(gpu: str) -> IO[str] | None:
    """Lock a GPU's file; None if another job holds it."""
    folder = Path(tempfile.gettempdir(), f"papertune-gpus-{os.getuid()}")
    try:
        file = open(private_folder(folder) / gpu, "w", opener=own)  # noqa: SIM115
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    except BlockingIOError:  # the file object is closed when unreferenced
        return None
    except OSError as error:
        log.warning("GPUs cannot be taken: %s", error)
        return None


def _driver_says(*fields: str, of: str = "") -> list[list[str]]:
    """Query nvidia-smi about some GPUs or all; empty if it gives nothing.

    Fields are named as in ``nvidia-smi --help-query-gpu``.
    """
    query = [f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    command = ["nvidia-smi", *([f"--id={of}"] if of else []), *query]
    how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:  # a broken driver may not answer
        said = subprocess.check_output(command, text=True, timeout=10, **how)
    except (OSError, subprocess.SubprocessError):
        return []
    return [[cell.strip() for cell in line.split(",")] for line in said.splitlines() if line]


def busy_share(asked: int) -> float | None:
    """Current utilization of the job's GPUs, summed: 1.5 means two at 75 %.

    None without nvidia-smi, or if a GPU reports nothing (a partition of a shared one).
    """
    # assume the first ones if the job's GPUs are unknown
    chosen = os.environ.get(VISIBLE) or ",".join(map(str, range(asked)))
    shares = _numbers("utilization.gpu", of=chosen)
    return sum(shares) / 100 if shares else None


def gpu_memory() -> float | None:
    """Bytes of this machine's smallest GPU, by nvidia-smi; None without a GPU."""
    sizes = _numbers("memory.total")
    return min(sizes) * 2**20 if sizes else None


def _numbers(field: str, of: str = "") -> list[float]:
    with suppress(ValueError):
        return [float(row[0]) for row in _driver_says(field, of=of)]
    return []
