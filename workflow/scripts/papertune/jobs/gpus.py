"""The GPUs of this machine: which are a job's own, how busy they are, how much memory they have.

Snakemake counts GPUs and does not tell jobs which are theirs: without this, all jobs that run at
once would take the first one.
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
    """Show this process, and those that it starts, GPUs that no other job of this user has taken.

    They are taken by a locked file for each, which goes with the process however it ends. Where too
    few are free, some are shared. Nothing is done where a scheduler or the user has chosen
    (``CUDA_VISIBLE_DEVICES``), where GPUs are cut up (MIG), or where there is no choice.
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
            log.warning("%d of %d GPUs are free, %d asked for: they are shared",
                        len(free), len(present), count)  # fmt: skip
        mine = free + [gpu for gpu in present if gpu not in free]
        os.environ[VISIBLE] = ",".join(mine[:count])
        try:
            yield
        finally:
            del os.environ[VISIBLE]


def _taken(gpu: str) -> IO[str] | None:
    """The locked file of a GPU; None where another job has it."""
    folder = Path(tempfile.gettempdir(), f"papertune-gpus-{os.getuid()}")
    try:
        file = open(private_folder(folder) / gpu, "w", opener=own)  # noqa: SIM115
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    except BlockingIOError:  # the file is closed where nobody has it
        return None
    except OSError as error:
        log.warning("GPUs cannot be taken: %s", error)
        return None


def _driver_says(*fields: str, of: str = "") -> list[list[str]]:
    """What the driver's own tool says of some GPUs, or of each; nothing where it says nothing.

    Fields are as ``nvidia-smi --help-query-gpu`` names them.
    """
    query = [f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    command = ["nvidia-smi", *([f"--id={of}"] if of else []), *query]
    how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:  # a driver in trouble gives no answer
        said = subprocess.check_output(command, text=True, timeout=10, **how)
    except (OSError, subprocess.SubprocessError):
        return []
    return [[cell.strip() for cell in line.split(",")] for line in said.splitlines() if line]


def busy_share(asked: int) -> float | None:
    """How many GPUs' worth of work the job's GPUs do just now: 1.5 is two at 75 %.

    None where there is no tool, or a GPU says nothing (a part of a shared one).
    """
    # the first so many, where nothing says which it has
    chosen = os.environ.get(VISIBLE) or ",".join(map(str, range(asked)))
    shares = _numbers("utilization.gpu", of=chosen)
    return sum(shares) / 100 if shares else None


def gpu_memory() -> float | None:
    """Bytes of this machine's smallest GPU, as the driver's own tool says; None without one."""
    sizes = _numbers("memory.total")
    return min(sizes) * 2**20 if sizes else None


def _numbers(field: str, of: str = "") -> list[float]:
    with suppress(ValueError):
        return [float(row[0]) for row in _driver_says(field, of=of)]
    return []
