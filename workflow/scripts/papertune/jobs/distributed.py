"""Several processes that train one model: what they ask and tell each other.

A process alone answers itself, and nothing of torch's machinery is loaded for it. All processes
have to call every function that says "together", at the same place of their work.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any, TypeVar

from papertune.jobs import stopping
from papertune.models.loading import device_name

# a process that dies is noticed at once; this is for one that hangs, and it has to be longer than
# the first process needs to write a checkpoint
SECONDS = 1800

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


def join(store: Any, rank: int, size: int, *, local: int) -> list[str]:
    """Become one of the processes that were started together.

    Args:
        store: Of torch, the same for all; they meet there.
        rank: The number of this process.
        size: How many they are.
        local: Its number among those on this node, and so of its GPU; without GPUs they talk by
            gloo.

    Returns:
        Where each of them runs.
    """
    global _rank, _size
    import torch
    import torch.distributed

    on_gpu = device_name() == "cuda"
    if on_gpu:
        local %= torch.cuda.device_count()  # a site may show each process one GPU only
        torch.cuda.set_device(local)
    # accelerate looks here for who it is
    names = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": local, "MASTER_ADDR": store.host}
    os.environ.update({name: str(value) for name, value in names.items()})
    torch.distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        store=store,
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=SECONDS),
    )
    _rank, _size = rank, size
    found: list[Any] = [None] * size
    here = f"GPU {local}" if on_gpu else "CPU"
    torch.distributed.all_gather_object(found, f"{socket.gethostname()} ({here})")
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
    import torch
    import torch.distributed

    sums = torch.tensor(values, dtype=torch.float64, device=device_name())
    torch.distributed.all_reduce(sums)
    found: list[float] = sums.tolist()
    return found


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
    found: Value = carrier[0]
    return found


def asked_to_stop() -> bool:
    """Whether any process was asked to stop, together: then all of them are."""
    asked = stopping.requested()
    any_was = totals(float(asked))[0] > 0
    if any_was and not asked:
        stopping.request("a signal to another process")
    return any_was


def check() -> None:
    """End the job here if any process was asked to stop, together.

    Raises:
        Interrupted: one of them was.
    """
    if asked_to_stop():
        stopping.check()
