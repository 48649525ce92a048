"""Several processes that train one model: what they ask and tell each other.

A process alone answers itself, and nothing of torch's machinery is loaded for it. All processes
have to call every function that says "together", at the same place of their work.
"""

import os
import socket
from datetime import timedelta
from typing import Any, TypeVar

from papertune.jobs import stopping

Value = TypeVar("Value")

_rank, _size = 0, 1


def rank() -> int:
    """The number of this process, from 0."""
    return _rank


def size() -> int:
    """How many processes train this model."""
    return _size


def is_first() -> bool:
    """Whether this process is the one that writes what all have made."""
    return _rank == 0


def join() -> list[str]:
    """Become one of the processes that the environment tells of; where each of them runs."""
    global _rank, _size
    import torch.distributed

    on_gpu, where = torch.cuda.is_available(), "CPU"
    if on_gpu:
        # a site may show each process one GPU only
        local = int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count()
        torch.cuda.set_device(local)
        os.environ["LOCAL_RANK"] = str(local)  # accelerate looks here
        where = f"GPU {local}"
    # a process that dies is noticed at once; this is for one that hangs, and it has to be longer
    # than the first process needs to write a checkpoint
    patience = timedelta(minutes=30)
    torch.distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=patience)
    _rank, _size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    found: list[Any] = [None] * _size
    torch.distributed.all_gather_object(found, f"{socket.gethostname()} ({where})")
    return found


def leave() -> None:
    """Wait for all processes and part from them, together."""
    global _rank, _size
    import torch.distributed

    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    _rank, _size = 0, 1


def totals(*values: float) -> list[float]:
    """The sums of each value over the processes, together; the same bits in all of them."""
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


def of_first(value: Value) -> Value:
    """What the first process has, together; small things only."""
    if _size == 1:
        return value
    import torch.distributed

    carrier: list[Any] = [value]
    torch.distributed.broadcast_object_list(carrier, src=0)
    return carrier[0]


def asked_to_stop() -> bool:
    """Whether any process was asked to stop, together: then all of them are."""
    any_was = totals(float(bool(stopping.requested())))[0] > 0
    if any_was:  # the first to ask is the one named
        stopping.request("a signal to another process")
    return any_was


def check() -> None:
    """End the job here (Interrupted) if any process was asked to stop, together."""
    if asked_to_stop():
        stopping.check()
