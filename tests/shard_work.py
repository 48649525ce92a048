"""What the tests of sharding have workers do: cheap, and it can be seen from outside."""

from __future__ import annotations

import os
import time
from pathlib import Path

from papertune.errors import GeneratorError
from papertune.jobs.progress import progress


def slowly(part: list[int], *, folder: str, threads: int) -> None:
    """Two files per item, half a second apart; a file named by the process."""
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "none")
    Path(folder, f"pid-{os.getpid()}").write_text(f"{threads} {gpus} {part}")
    for item in progress(part, len(part), "items"):
        Path(folder, f"{item}-begun").touch()
        time.sleep(0.5)
        Path(folder, f"{item}-done").touch()


def failing(part: list[int], *, folder: str, threads: int) -> None:
    """The shard with item 1 fails with an error for people, soon after it began."""
    if 1 in part:
        time.sleep(0.7)
        raise GeneratorError("no ink", where="generators.g", hint="buy some")
    slowly(part, folder=folder, threads=threads)


def breaking(part: list[int], *, folder: str, threads: int) -> None:
    """The shard with item 1 fails with an error that nobody expected."""
    if 1 in part:
        raise ValueError("odd")
    slowly(part, folder=folder, threads=threads)
