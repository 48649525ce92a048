"""Communication between the processes that train one model.

With a single process, torch.distributed is not loaded. Functions marked "together" are collective:
all processes must call them, at the same point of their work.
"""

import json
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import psutil

from papertune.errors import TrainingError
from papertune.jobs import loopback, stopping

Value = TypeVar("Value")
Work = TypeVar("Work", bound=Callable[..., None])

_rank, _size = 0, 1


def shared(work: Work) -> Work:
    """Mark a module's function as work that other processes of a job may run."""
    work.is_shared = True  # type: ignore[attr-defined]
    return work


def shared_by_name(module: str, name: str) -> Callable[..., None]:
    """Look up a function marked as shared; raises TrainingError for any other."""
    work: Callable[..., None] = getattr(import_module(module), name)
    if not getattr(work, "is_shared", False):
        raise TrainingError(f"not work for several processes: {module}:{name}")
    return work


def rank() -> int:
    """The number of this process, from 0."""
    return _rank


def size() -> int:
    """The number of processes that train this model."""
    return _size


def is_first() -> bool:
    """Whether this process writes the common results (rank 0)."""
    return _rank == 0


def join(own: Path) -> list[str]:
    """Join the process group described by the environment; returns where each process runs.

    The rendezvous is a file in the job's ``own`` folder.

    Raises:
        TrainingError: another account is connected to a process of this node.
    """
    global _rank, _size
    import torch.distributed

    from papertune.jobs.meeting import store

    # senders are verified on this node only, so no library may unpickle what they send
    torch.distributed.distributed_c10d._unpickler = _no_pickles
    on_gpu, where = torch.cuda.is_available(), "CPU"
    if on_gpu:
        # a site may make only one GPU visible to each process
        local = int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count()
        torch.cuda.set_device(local)
        os.environ["LOCAL_RANK"] = str(local)  # accelerate looks here
        where = f"GPU {local}"
    # a dead process is noticed at once; this timeout is for one that hangs, and must exceed the
    # time that the first process needs to write a checkpoint
    patience = timedelta(minutes=30)
    torch.distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        store=store(own, "processes"),
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
        timeout=patience,
    )
    _refuse_others(one_node=os.environ["LOCAL_WORLD_SIZE"] == os.environ["WORLD_SIZE"])
    _rank, _size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    here = f"{socket.gethostname()} ({where})"
    return [_said_by(number, here) for number in range(_size)]


def _no_pickles(stream: Any) -> Any:
    raise TrainingError("a process was sent a pickle, which this project never sends")


def _refuse_others(*, one_node: bool) -> None:
    """Raise TrainingError if another account holds a connection's other end on this node."""
    known = loopback.accounts()
    for line in psutil.Process().net_connections("tcp"):
        if line.status != psutil.CONN_ESTABLISHED:
            continue
        here, there = ((loopback.plain(end.ip), end.port) for end in (line.laddr, line.raddr))
        elsewhere = None if one_node else os.getuid()
        if known.get((there, here), elsewhere) != os.getuid():
            raise TrainingError(
                f"port {here[1]} was taken by a process that is not this job's",
                hint="start it again; if it happens again, another account interferes on this machine",
            )


def leave() -> None:
    """Wait for all processes and leave the group, together."""
    global _rank, _size
    import torch.distributed

    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    _rank, _size = 0, 1


def totals(*values: float) -> list[float]:
    """The sum of each value over the processes, together; bitwise equal in all of them."""
    if _size == 1:
        return list(values)
    import torch.distributed

    device = "cuda" if torch.cuda.is_available() else "cpu"
    sums = torch.tensor(values, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(sums)
    return sums.tolist()


def mean(value: float) -> float:
    """The mean of a value over the processes, together."""
    return totals(value)[0] / _size


def most(value: int) -> int:
    """The maximum of a value over the processes, together."""
    if _size == 1:
        return value
    import torch.distributed

    held = torch.tensor(value, device="cuda" if torch.cuda.is_available() else "cpu")
    torch.distributed.all_reduce(held, torch.distributed.ReduceOp.MAX)
    return int(held)


def of_first(value: Value) -> Value:
    """The first process's value, together; small JSON values only."""
    if _size == 1:
        return value
    found: Value = json.loads(_said_by(0, json.dumps(value)))
    return found


def _said_by(number: int, text: str) -> str:
    """The text of one process, together."""
    import torch.distributed

    device = "cuda" if torch.cuda.is_available() else "cpu"
    own = torch.tensor(list(text.encode()), dtype=torch.uint8, device=device)
    length = torch.tensor(len(own), device=device)
    torch.distributed.broadcast(length, number)
    said = own if _rank == number else own.new_empty(int(length))
    torch.distributed.broadcast(said, number)
    return bytes(said.tolist()).decode()


def asked_to_stop() -> bool:
    """Whether any process was asked to stop, together; if so, all are asked."""
    any_was = totals(float(bool(stopping.requested())))[0] > 0
    if any_was:  # the first request is the one named
        stopping.request("a signal to another process")
    return any_was


def check() -> None:
    """End the job here (Interrupted) if any process was asked to stop, together."""
    if asked_to_stop():
        stopping.check()
