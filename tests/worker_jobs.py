"""Jobs whose work several processes share, and what these processes do in tests."""

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from pydantic import validate_call
from pydantic_core import to_json

from papertune.errors import GeneratorError, TrainingError
from papertune.jobs import distributed, stopping
from papertune.jobs.progress import progress
from papertune.training.train import train
from processes import busy, python, wait_for
from snakemake_run import ROOT

log = logging.getLogger("papertune")

JOB = """
import json, sys, worker_jobs
from papertune.jobs.progress import job_log
from papertune.jobs.workers import Workers, run, run_shards
with job_log(sys.argv[1]):
    told = json.loads(sys.argv[2])
    work = getattr(worker_jobs, told.pop("work"))
    if "parts" in told:
        run_shards(work, **told)
    else:
        run(work, Workers(**told.pop("workers")), **told)
"""


class Job:
    """A job in a process of its own, as a script's, that does a function of this module.

    It is told ``parts`` and ``threads`` of shards, or ``workers`` of those that work together; the
    rest is for the function.
    """

    def __init__(self, log: Path, work: str, **told: Any) -> None:
        self.log = log
        log.write_text("")
        path = [str(ROOT / "workflow/scripts"), str(ROOT / "tests"), os.environ.get("PYTHONPATH")]
        ours = {"PYTHONPATH": os.pathsep.join(filter(None, path)), "JOB_LOG": str(log)}
        told_text = to_json({"work": work, **told}).decode()
        self.process = python(JOB, log, told_text, environment=ours, stdout=None)

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        self.wait_until(lambda: text in self.said())

    def wait_until(self, sign: Callable[[], bool]) -> None:
        wait_for(sign, self.process, 90)

    def workers(self) -> list[psutil.Process]:
        return workers_of(JOB_LOG=str(self.log))

    def end(self) -> int:
        """Its exit status; none of its processes outlives it."""
        try:
            self.process.communicate(timeout=120)
        finally:
            self.process.kill()
        assert not psutil.wait_procs(self.workers(), timeout=5 * busy(least=1))[1]
        return self.process.returncode


def workers_of(**environment: str) -> list[psutil.Process]:
    """Processes that share work and have inherited some variables, by rank."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        if "papertune.jobs.agent" in (process.info["cmdline"] or []):
            with contextlib.suppress(psutil.Error):
                theirs = process.environ()
                if "RANK" in theirs and environment.items() <= theirs.items():
                    found[theirs["RANK"]] = process
    return [found[rank] for rank in sorted(found)]


@distributed.shared
def slowly(part: list[int], *, folder: str, threads: int) -> None:
    """Two files per item, half a second apart; one that says what this process was given."""
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "none")
    Path(folder, f"worker-{part[0]}").write_text(f"{threads} {gpus} {part}")
    for item in progress(part, len(part), "items"):
        Path(folder, f"{item}-begun").touch()
        time.sleep(0.5)
        Path(folder, f"{item}-done").touch()


@distributed.shared
def failing(part: list[int], *, folder: str, threads: int, odd: bool = False) -> None:
    """The shard with item 1 fails with an error for people, soon after it began, or at once."""
    if 1 in part:
        if odd:  # one that nobody expected
            raise ValueError("odd")
        time.sleep(0.7)
        raise GeneratorError("no ink", where="generators.g", hint="buy some")
    slowly(part, folder=folder, threads=threads)


@distributed.shared
def in_step(threads: int, steps: int = 1000) -> None:
    """Steps that all take together; each ends where the others do."""
    for step in range(steps):
        distributed.check()
        if distributed.is_first():
            log.info("step %d", step)
        time.sleep(0.02)


@distributed.shared
def lost(threads: int) -> None:
    """A process has an error for people, and another is aborted before the first has ended."""
    if distributed.is_first():
        time.sleep(0.5)
        os.abort()
    threading.Thread(target=time.sleep, args=[3]).start()
    raise TrainingError("no ink", hint="buy some")


class Code:
    """What runs where a pickle of it is read."""

    def __init__(self, sign: str) -> None:
        self.sign = sign

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self.sign),)


@distributed.shared
def send_pickles(threads: int, sign: str) -> None:
    """The first process sends the others an object, as torch does."""
    from torch.distributed import broadcast_object_list

    broadcast_object_list([Code(sign)] if distributed.is_first() else [None], src=0)
    for _ in range(100 * distributed.is_first()):  # what the other says is not to be lost
        stopping.check()
        time.sleep(0.1)


@distributed.shared
def train_several(threads: int, runs: list[dict[str, Any]], parts_of: str = "") -> None:
    """Train several models; each process writes how much of the base ``parts_of`` is its part."""
    for run in runs:
        validate_call(train)(**run | {"threads": threads})
    if not parts_of:
        return
    from papertune.models.loading import load_model
    from papertune.training.several import in_parts

    model = load_model(Path(parts_of), device="cpu")
    parts = in_parts(model, half=False)
    own = sum(part.to_local().numel() for part in parts.parameters())
    part = own / sum(weight.numel() for weight in model.parameters())
    held = {"part": part, "processes": distributed.size()}
    Path(f"{parts_of}-{distributed.rank()}.json").write_text(json.dumps(held))
