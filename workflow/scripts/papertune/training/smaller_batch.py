"""When memory does not hold a batch: noticing it, and finding a smaller one for the same update."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError, TryAgain
from papertune.examples.tokens import MASKED
from papertune.jobs import distributed
from papertune.owned import make_folder
from papertune.records import atomic_write, read_json
from papertune.study.settings import Training
from papertune.training.checkpoints import newest_whole

log = logging.getLogger(__name__)

FOUND, START = "batch.json", "start.safetensors"  # in the folder of a run's checkpoints
# of torch's allocator on a CPU, of the CUDA libraries (which raise no error of their own kind), of
# oneDNN and of the Linux kernel
SIGNS = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "could not create a memory", "alloc_failed", "std::bad_alloc",
)  # fmt: skip


def first_that_fits(
    run: Callable[[int, int, Path | None], Any],
    model: Any,
    training: Training,
    checkpoints: Path,
    what: str,
) -> tuple[Any, dict[str, Any]]:
    """Run a training, with ``find_batch`` in smaller batches of the same update until memory holds one.

    Args:
        run: Trains with a batch and an accumulation of this process, from a checkpoint on if one is
            given; gives the state of the run at its end.

    Returns:
        That state, and the batch that memory held.

    Raises:
        TrainingError: no batch fits, or the update cannot be shared out to the processes.
        TryAgain: one of several processes has no memory; all begin anew with a smaller batch.
    """
    from accelerate.utils.memory import clear_device_cache
    from safetensors.torch import load_file, save_file

    make_folder(checkpoints)
    given, accumulation = share_out(training, distributed.size(), what)
    update = given * accumulation
    batch = remembered(checkpoints, update, given)
    # the first one deletes what is not whole
    found = newest_whole(checkpoints) if distributed.is_first() else None
    name = distributed.of_first(str(found or ""))
    newest = Path(name) if name else None
    if training.find_batch and newest is None and distributed.size() == 1:
        # what training will change, until there is a checkpoint to go back to
        trained = [(n, p.detach()) for n, p in model.named_parameters() if p.requires_grad]
        save_file({n: p.contiguous() for n, p in trained}, checkpoints / f".{START}")
        (checkpoints / f".{START}").replace(checkpoints / START)
    while True:
        try:
            state = run(batch, update // batch, newest)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            told = _first_line(error)
        else:
            held = {"size": batch, "accumulation": update // batch, "found": batch != given}
            return state, held
        # outside of the handler, whose traceback would keep the batch's memory alive
        less = fitting(update, batch // 2) if training.find_batch else 0
        if not less:
            finding = (
                "training.find_batch: true finds a batch that fits, for the same update, or halve "
                f"training.batch_size ({batch}) and double training.accumulation ({accumulation}), "
            ) * (batch > 1 and not training.find_batch)
            raise TrainingError(
                f"out of memory with a batch of {batch}: {told}",
                where=what,
                hint=f"{finding}training.gradient_checkpointing: true, a smaller "
                "training.max_length, method lora or qlora; or a larger GPU, on a CPU more "
                "compute.memory_mb",
            )
        log.warning("%s: out of memory with a batch of %d; going on with %d", what, batch, less)
        batch = less
        with atomic_write(checkpoints / FOUND) as stream:  # later attempts begin with it
            json.dump({"batch": batch}, stream)
        if distributed.size() > 1:  # the others wait for this one
            raise TryAgain("out of memory", where=what)
        clear_device_cache(garbage_collection=True)
        newest = newest_whole(checkpoints)
        if newest is None:
            model.load_state_dict(load_file(checkpoints / START), strict=False)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def fitting(update: int, most: int) -> int:
    """The largest batch up to ``most`` that an update can be cut into; 0 where there is none."""
    return max((size for size in range(1, most + 1) if update % size == 0), default=0)


def remembered(checkpoints: Path, update: int, given: int) -> int:
    """The batch that an earlier attempt found for an update of this size, else the given one."""
    try:
        size = int(read_json(checkpoints / FOUND)["batch"])
    except (OSError, ValueError, KeyError, TypeError):
        return given
    return size if 1 <= size <= given and update % size == 0 else given


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of a GPU or of the machine, did not suffice."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError | OSError)
        and any(sign in str(error).lower() for sign in SIGNS)
    )


@contextmanager
def memory_for(what: str, *, where: str) -> Iterator[None]:
    """Where memory does not hold ``what`` is made within, say what to do (TrainingError)."""
    try:
        yield
    except (RuntimeError, OSError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(
            f"memory does not hold {what}: {_first_line(error)}",
            where=where,
            hint="take method lora or qlora, a smaller base, a larger GPU or more "
            "compute.memory_mb",
        ) from None


def halves(batch: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The two halves of a batch's rows, each with how many of its tokens the loss counts."""
    import torch

    rows, found = len(batch["labels"]), []
    for part in (slice(rows // 2), slice(rows // 2, rows)):
        half = {
            # which logits to keep is said for all rows together
            key: value[part] if torch.is_tensor(value) and key != "logits_to_keep" else value
            for key, value in batch.items()
        }
        found.append((int((half["labels"] != MASKED).sum()), half))
    return found


def share_out(training: Training, processes: int, what: str) -> tuple[int, int]:
    """Batch and accumulation of each process, so that an update has as many examples as with one.

    Raises:
        TrainingError: the examples of an update cannot be shared out evenly.
    """
    update = training.batch_size * training.accumulation
    if update % processes:
        able = [str(n) for n in range(1, update + 1) if update % n == 0]
        raise TrainingError(
            f"an update of {update} examples (training.batch_size {training.batch_size} × "
            f"accumulation {training.accumulation}) cannot be shared out evenly to {processes} "
            "processes (compute.nodes × compute.gpu)",
            where=what,
            hint=f"with these settings {', '.join(able)} processes can train; or change the "
            "batch, which makes another model",
        )
    share = update // processes
    batch = fitting(share, training.batch_size)
    return batch, share // batch
