"""The processes that share a job's work, on this node or on several.

Processes that train one model together communicate through ``torch.distributed``; shards each have
a part of the work and keep finished items in the store. Torch's elastic agent (which ``torchrun``
runs) starts both: one agent on this node, or one on each node that a profile's ``launcher`` starts.
All hold one end of a pipe from the job: when it closes, the job was asked to stop or has died.
"""

import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from papertune.errors import PapertuneError, TrainingError, TryAgain
from papertune.jobs import stopping
from papertune.jobs.agent import COMMAND, FAILED, STOPPED, TASK
from papertune.owned import held_folder

log = logging.getLogger("papertune")

LIBRARY = Path(__file__).parents[2]
AT_ONCE = 5.0  # seconds within which failures are taken to have one cause

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes of a job: ``each`` on each node, one for each GPU if there are GPUs.

    The launcher runs another command once on each of the nodes; it may contain ``{nodes}``,
    ``{processes}`` (which is 1) and ``{threads}`` (of a node).
    """

    nodes: int = 1
    each: int = 1
    threads: int = 1  # on each node; its processes share them
    launcher: str = ""

    def command(self) -> list[str]:
        """The launcher with its numbers; raises TrainingError for an unknown placeholder."""
        try:
            filled = self.launcher.format(nodes=self.nodes, processes=1, threads=self.threads)
            return shlex.split(filled)
        except (LookupError, ValueError) as error:
            raise TrainingError(
                f"not a launcher command: {self.launcher} ({error})",
                where="set-resources: train: launcher, in the profile",
                hint="use only the placeholders {nodes}, {processes} and {threads}",
            ) from None


def workers_of(resources: Mapping[str, Any], threads: int) -> Workers:
    """The processes of a job, by its resources: ``gpu`` on all ``nodes`` together, threads each.

    Without a ``launcher`` from the profile, this is the only node.
    """
    launcher, nodes = resources.get("launcher") or "", resources.get("nodes") or 1
    if nodes == 1 or not launcher:
        nodes, launcher = 1, ""
    return Workers(nodes, max(1, (resources.get("gpu") or 0) // nodes), threads, launcher)


def run(work: Callable[..., None], workers: Workers, **arguments: Any) -> None:
    """Call ``work(threads=…, **arguments)`` in all processes; a single one is this process.

    The work is a function of a module that gets its rank from :mod:`papertune.jobs.distributed`;
    its annotations say how to read its arguments from JSON.

    Raises:
        Interrupted: the job or a process was asked to stop; all have ended at the same step.
        PapertuneError: a process failed; the others were ended.
    """
    if workers.nodes * workers.each == 1:
        work(threads=workers.threads, **arguments)
        return
    while True:
        try:
            return _launch(work, workers, arguments)
        except TryAgain as error:
            log.warning("%s: all processes restart", error)


def run_shards(
    work: Callable[..., None], parts: Sequence[Sequence[Any]], *, threads: int, **arguments: Any
) -> None:
    """Call ``work(part, threads=…, **arguments)`` for each part in a process of its own.

    The work is a function of a module that keeps finished items in the store; parts and arguments
    are JSON values. The job's threads and GPUs are divided among the processes.

    Raises:
        Interrupted: the job or a worker was asked to stop; every worker has finished its batch.
        PapertuneError: a worker failed; the others have finished their current batch.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")  # as CUDA names them
    if given is None:
        import torch

        given = ",".join(map(str, range(torch.cuda.device_count())))
    gpus = divide([name.strip() for name in given.split(",") if name.strip()], len(parts))
    log.info("%d processes%s", len(parts), f" on GPUs {gpus}" if any(gpus) else "")
    _launch(work, Workers(each=len(parts), threads=threads), arguments, parts=parts, gpus=gpus)


def deal(batches: Sequence[Batch], shards: int) -> list[list[Batch]]:
    """The batches of each shard, dealt in turn, because neighbouring batches take about as long."""
    return [list(batches[first::shards]) for first in range(min(shards, len(batches)))]


def divide(gpus: Sequence[str], count: int) -> list[str]:
    """The GPUs of each of ``count`` workers, comma-separated; shared if there are too few."""
    if len(gpus) < count:
        return [(gpus or [""])[number % max(1, len(gpus))] for number in range(count)]
    ends = [number * len(gpus) // count for number in range(count + 1)]
    return [",".join(gpus[first:end]) for first, end in pairwise(ends)]


def _launch(
    work: Callable[..., None], workers: Workers, arguments: dict[str, Any], **parts: Any
) -> None:
    """Start all processes and wait until they have ended.

    Raises:
        TryAgain: a process found that all have to restart, and recorded with which settings.
    """
    from pydantic_core import to_json

    stopping.check()
    threads = max(1, workers.threads // workers.each)
    shared = None
    if workers.launcher:
        shared = Path(".snakemake").absolute()  # all nodes can read the folder of the run
        shared.mkdir(exist_ok=True)
    task = {
        "work": f"{work.__module__}:{work.__qualname__}",
        "arguments": {**arguments, "threads": threads},
        "nodes": workers.nodes,
        "each": workers.each,
        **parts,
    }
    library = [str(LIBRARY), os.environ.get("PYTHONPATH")]
    ours = {
        "PYTHONPATH": os.pathsep.join(filter(None, library)),
        "OMP_NUM_THREADS": str(threads),  # accelerate would choose
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # suppresses advice on iterating over parameters
    }
    if workers.nodes == 1:
        ours |= {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "=lo"}
    told = _Told()
    with tempfile.TemporaryDirectory(prefix="papertune-workers-", dir=shared) as folder:
        with (held_folder(folder) / TASK).open("xb") as stream:
            stream.write(to_json(task))
        process = subprocess.Popen(
            [*workers.command(), sys.executable, *COMMAND, folder],
            stdin=subprocess.PIPE,  # closed to signal that the job is over
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | ours,
        )
        assert process.stdin is not None and process.stdout is not None
        reader = threading.Thread(target=told.relay, args=[process.stdout], daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                if stopping.requested() or told.stopped:
                    process.stdin.close()
                time.sleep(0.1)
        finally:
            process.kill()  # its child processes die with it
            process.wait()
            process.stdin.close()
            reader.join(5)  # the last lines may be late
    told.judge(process.returncode)


class _Told:
    """Collects the output of all processes of a job."""

    def __init__(self) -> None:
        self.last = ""  # line of output
        self.stopped = ""  # the signal that stopped one of them
        self.failures: list[dict[str, Any]] = []

    def relay(self, lines: Iterable[bytes]) -> None:
        """Log the lines, and keep failures and stops."""
        for line in lines:
            text = line.decode("utf-8", errors="replace").rstrip().rpartition("\r")[2]
            level, _, said = text.partition(" ")
            if level == FAILED:
                self.failures.append(json.loads(said))
            elif level == STOPPED:
                self.stopped = self.stopped or said
            else:
                number = logging.getLevelNamesMapping().get(level)
                self.last = text if number is None else said
                log.log(number or logging.INFO, "%s", self.last)

    def judge(self, status: int) -> None:
        """Raise Interrupted if the processes were asked to stop, PapertuneError if one failed."""

        def rank(failure: dict[str, Any]) -> tuple[int, float]:
            """A sort key: errors that a process knows come first, because torch aborts the others.

            Others also fail because one was killed, or get SIGTERM after one has failed.
            """
            number = failure.get("signal")
            kind = 0 if failure.get("known") else 2 if number is None else 1
            return 3 if number == signal.SIGTERM else kind, failure["at"]

        said = sorted(self.failures, key=rank)
        first = [one for one in said if one["at"] - min(f["at"] for f in said) < AT_ONCE]
        if first and first[0].get("signal") != signal.SIGTERM:
            kind = TryAgain if first[0].get("again") else PapertuneError
            raise kind(first[0]["what"], where=first[0]["where"], hint=first[0]["hint"])
        if first or self.stopped or status in (-signal.SIGTERM, 128 + signal.SIGTERM):
            stopping.request(self.stopped or "SIGTERM to its processes")
        stopping.check()
        if status:
            raise PapertuneError(
                f"the processes ended with status {status}: {self.last}",
                hint="see their output in the log; the next attempt resumes from what is finished",
            )
