"""One job's batches, dealt to several processes that each load the model.

A worker is a fresh process, so that it can have GPUs of its own, with what it is to do in a JSON
file. It writes what it finishes into the store, under a name of its own as every writer does; the
job waits, tells what the workers tell, and reads the store when all have ended.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from papertune.errors import PapertuneError
from papertune.jobs import stopping
from papertune.jobs.children import PYTHON, Child, tell_parent
from papertune.jobs.full_disk import full_disk_in_words

log = logging.getLogger("papertune")

LOOK = 0.1  # seconds between two looks at the workers

Batch = TypeVar("Batch")


def deal(batches: Sequence[Batch], shards: int) -> list[list[Batch]]:
    """The batches of each shard, like cards: batches that lie together take about as long."""
    return [list(batches[first::shards]) for first in range(min(shards, len(batches)))]


def run_shards(
    work: Callable[..., None],
    parts: Sequence[Sequence[Any]],
    *,
    threads: int,
    **arguments: Any,
) -> None:
    """Have each part worked on by a process of its own, ``work(part, threads=…, **arguments)``.

    Args:
        work: A function of a module; it keeps what it finishes in the store.
        parts: What each is given, as JSON values.
        threads: CPU threads of this job; they and its GPUs are divided.
        arguments: For all of them, as JSON values.

    Raises:
        Interrupted: the job or a worker was asked to stop; every worker has ended its batch.
        PapertuneError: a worker failed; the others have ended the batch they were at.
    """
    stopping.check()
    count = len(parts)
    gpus = divide(visible_gpus(), count)
    log.info("%d processes%s", count, f" on GPUs {gpus}" if any(gpus) else "")
    name = f"{work.__module__}:{work.__qualname__}"
    workers: list[_Worker] = []
    with tempfile.TemporaryDirectory(prefix="papertune-shards-") as folder:
        try:
            for number, part in enumerate(parts, start=1):
                task = {
                    "work": name,
                    "part": part,
                    "arguments": {**arguments, "threads": max(1, threads // count)},
                }
                path = Path(folder, f"{number}.json")
                path.write_text(json.dumps(task, ensure_ascii=False), encoding="utf-8")
                workers.append(_Worker(f"shard {number}/{count}", path, gpus[number - 1]))
            failed = _wait(workers)
        finally:
            for worker in workers:
                worker.end()
        if failed is not None:
            raise failed.error()
    stopping.check()


def visible_gpus() -> list[str]:
    """The GPUs that this job was given, as CUDA names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        import torch

        return [str(number) for number in range(torch.cuda.device_count())]
    return [name.strip() for name in given.split(",") if name.strip()]


def divide(gpus: Sequence[str], count: int) -> list[str]:
    """The GPUs of each of ``count`` workers, comma-separated; where they are few, they are shared."""
    if not gpus:
        return [""] * count
    if len(gpus) < count:
        return [gpus[number % len(gpus)] for number in range(count)]
    return [
        ",".join(gpus[number * len(gpus) // count : (number + 1) * len(gpus) // count])
        for number in range(count)
    ]


class _Worker(Child):
    """A process with a part of the work."""

    def __init__(self, name: str, task: Path, gpus: str) -> None:
        self._failure = task.with_suffix(".failure")
        command = [*PYTHON, "papertune.jobs.workers", str(task), str(self._failure)]
        super().__init__(name, command, **({"CUDA_VISIBLE_DEVICES": gpus} if gpus else {}))

    def error(self) -> PapertuneError:
        """Why it failed."""
        if self._failure.exists():
            failure = json.loads(self._failure.read_text(encoding="utf-8"))
            failure["what"] = f"{self.name}: {failure['what']}"
            return PapertuneError(**failure)
        status = self.status() or 0
        if status < 0:
            return PapertuneError(
                f"{self.name} was killed by {signal.Signals(-status).name}",
                hint="most often memory ran out, as every shard holds a model of its own: raise "
                "compute.memory_mb or lower compute.shards; what is finished is kept",
            )
        return PapertuneError(
            f"{self.name} ended with status {status}: {self.last}",
            hint="what it told stands in the log; what is finished is kept",
        )


def _wait(workers: list[_Worker]) -> _Worker | None:
    """Wait until all have ended; once one has not ended well or the job is to stop, ask them to.

    Returns:
        The first that failed.
    """
    failed = None
    asked = False
    while True:
        statuses = [worker.status() for worker in workers]
        for worker, status in zip(workers, statuses, strict=True):
            if status in (stopping.STATUS, -signal.SIGTERM):
                if not asked:
                    stopping.request(f"SIGTERM to {worker.name}")
            elif status and failed is None:
                failed = worker
        if None not in statuses:
            return failed
        asked = asked or failed is not None or stopping.requested()
        if asked:
            for worker in workers:  # again and again: the first may have come before it could hear
                worker.stop()
        time.sleep(LOOK)


# ---- in the worker ----------------------------------------------------------------------------


def _main(task: Path, failure: Path) -> int:
    tell_parent()
    stopping.install()
    threading.Thread(target=_stop_when_alone, daemon=True).start()
    told = json.loads(task.read_text(encoding="utf-8"))
    module, _, name = told["work"].partition(":")
    try:
        with full_disk_in_words():
            getattr(import_module(module), name)(told["part"], **told["arguments"])
    except stopping.Interrupted:
        return stopping.STATUS
    except PapertuneError as error:
        values = {"what": error.what, "where": error.where, "hint": error.hint}
        failure.write_text(json.dumps(values), encoding="utf-8")
        return 1
    except KeyboardInterrupt:  # the job was told, too, and says so
        return 128 + signal.SIGINT
    return 0


def _stop_when_alone() -> None:
    """Ask this process to stop when the one that started it is gone."""
    while os.read(0, 1):
        pass
    stopping.request("the end of its job")


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), Path(sys.argv[2])))
