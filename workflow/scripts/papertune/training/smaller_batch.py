"""When memory does not hold a batch: noticing it, and finding a smaller one for the same update."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError, TryAgain
from papertune.examples.tokens import MASKED
from papertune.jobs import distributed
from papertune.models.loading import device_name
from papertune.records import atomic_write
from papertune.study.settings import Training
from papertune.training.checkpoints import newest_whole

log = logging.getLogger(__name__)

FOUND = "batch.json"  # in the folder of a run's checkpoints
START = "start.safetensors"
# of torch's allocator on a CPU, of the CUDA libraries (which raise no error of their own kind), of
# oneDNN and of the Linux kernel
SIGNS = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "could not create a memory", "alloc_failed", "std::bad_alloc",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fitted:
    """The state of a run at its end, and the batch that memory held."""

    state: Any
    batch: dict[str, Any]


def first_that_fits(
    run: Callable[[int, int, Path | None], Any],
    model: Any,
    training: Training,
    checkpoints: Path,
    what: str,
) -> Fitted:
    """Run a training, with ``find_batch`` in smaller batches of the same update until memory holds one.

    Args:
        run: Trains with a batch and an accumulation of this process, from a checkpoint on if one is
            given.
        model: Has the weights of the beginning.
        what: Names the run in errors.

    Raises:
        TrainingError: no batch fits, or the update cannot be shared out to the processes.
        TryAgain: one of several processes has no memory; all begin anew with a smaller batch.
    """
    from papertune.training.several.ddp import share_out

    checkpoints.mkdir(parents=True, exist_ok=True)
    given = share_out(training, distributed.size(), what)
    batch, accumulation = remembered(checkpoints, *given)
    # the first one deletes what is not whole
    newest = newest_whole(checkpoints) if distributed.is_first() else None
    newest = distributed.of_first(newest)
    if training.find_batch and newest is None and distributed.size() == 1:
        write_start(model, checkpoints)
    while True:
        try:
            state = run(batch, accumulation, newest)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            told = said(error)
        else:
            found = (batch, accumulation) != given
            return Fitted(state, {"size": batch, "accumulation": accumulation, "found": found})
        # outside of the handler, whose traceback would keep the batch's memory alive
        less = smaller(batch, accumulation) if training.find_batch else None
        if less is None:
            raise _too_large(told, batch, accumulation, what, finding=training.find_batch)
        log.warning("%s: out of memory with a batch of %d; going on with %d", what, batch, less[0])
        batch, accumulation = less
        remember(checkpoints, batch, accumulation)
        if distributed.size() > 1:  # the others wait for this one
            raise TryAgain("out of memory", where=what)
        collect_garbage()
        newest = newest_whole(checkpoints)
        if newest is None:
            back_to_start(model, checkpoints)


def smaller(batch: int, accumulation: int) -> tuple[int, int] | None:
    """Half the batch, or the next below that the update can be cut into; ``None`` for one of 1."""
    update = batch * accumulation
    fitting = [size for size in range(1, batch // 2 + 1) if update % size == 0]
    return (fitting[-1], update // fitting[-1]) if fitting else None


def remember(checkpoints: Path, batch: int, accumulation: int) -> None:
    """Have later attempts of this run begin with a batch."""
    with atomic_write(checkpoints / FOUND) as stream:
        json.dump({"batch": batch, "accumulation": accumulation}, stream)


def remembered(checkpoints: Path, batch: int, accumulation: int) -> tuple[int, int]:
    """The batch that an earlier attempt found for an update of this size, else the given one."""
    try:
        size = int(json.loads((checkpoints / FOUND).read_text(encoding="utf-8"))["batch"])
    except (OSError, ValueError, KeyError, TypeError):
        return batch, accumulation
    if 1 <= size <= batch and (batch * accumulation) % size == 0:
        return size, batch * accumulation // size
    return batch, accumulation


def write_start(model: Any, checkpoints: Path) -> None:
    """Keep the weights that training will change, until there is a checkpoint to go back to."""
    from safetensors.torch import save_file

    trained = {n: p.detach().contiguous() for n, p in model.named_parameters() if p.requires_grad}
    temporary = checkpoints / f".{START}"
    save_file(trained, temporary)
    temporary.replace(checkpoints / START)


def back_to_start(model: Any, checkpoints: Path) -> None:
    """Give a model the weights that :func:`write_start` kept."""
    from safetensors.torch import load_file

    model.load_state_dict(load_file(checkpoints / START), strict=False)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of a GPU or of the machine, did not suffice."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(
        sign in str(error).lower() for sign in SIGNS
    )


@contextmanager
def memory_for(what: str, *, where: str) -> Iterator[None]:
    """Say what to do where memory does not hold what is done within.

    Args:
        what: What memory would have to hold.
        where: Names the run in the error.

    Raises:
        TrainingError: memory did not suffice.
    """
    try:
        yield
    except (RuntimeError, OSError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(
            f"memory does not hold {what}: {said(error)}",
            where=where,
            hint="take method lora or qlora, a smaller base, a larger GPU or more "
            "compute.memory_mb",
        ) from None


def collect_garbage() -> None:
    """Give memory back; where errors are handled it is still in use by their tracebacks."""
    import torch

    gc.collect()
    if device_name() == "cuda":
        torch.cuda.empty_cache()


def halves(batch: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The two halves of a batch's rows, each with how many of its tokens the loss counts."""
    import torch

    rows = len(batch["labels"])
    found = []
    for part in (slice(rows // 2), slice(rows // 2, rows)):
        half = {
            # which logits to keep is said for all rows together
            key: value[part] if torch.is_tensor(value) and key != "logits_to_keep" else value
            for key, value in batch.items()
        }
        found.append((int((half["labels"] != MASKED).sum()), half))
    return found


def said(error: BaseException) -> str:
    """What an allocator told, in a line."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _too_large(told: str, batch: int, accumulation: int, where: str, *, finding: bool) -> Exception:
    """The error where memory does not hold a batch, with what would help."""
    help_ = ["training.gradient_checkpointing: true", "a smaller training.max_length"]
    if batch > 1 and not finding:
        help_ = [
            "training.find_batch: true finds a batch that fits, for the same update",
            f"or halve training.batch_size ({batch}) and double training.accumulation "
            f"({accumulation})",
            *help_,
        ]
    help_.append("method lora or qlora")
    return TrainingError(
        f"out of memory with a batch of {batch}: {told}",
        where=where,
        hint=", ".join(help_) + "; or a larger GPU, on a CPU more compute.memory_mb",
    )
