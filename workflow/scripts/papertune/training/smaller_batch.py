"""When memory does not hold a batch: noticing it, and finding a smaller one for the same update."""

import gc
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
            given.
        model: Has the weights of the beginning.
        what: Names the run in errors.

    Returns:
        The state of the run at its end, and the batch that memory held.

    Raises:
        TrainingError: no batch fits, or the update cannot be shared out to the processes.
        TryAgain: one of several processes has no memory; all begin anew with a smaller batch.
    """
    from safetensors.torch import load_file, save_file

    checkpoints.mkdir(parents=True, exist_ok=True)
    given = share_out(training, distributed.size(), what)
    batch, accumulation = remembered(checkpoints, *given)
    # the first one deletes what is not whole
    newest = distributed.of_first(newest_whole(checkpoints) if distributed.is_first() else None)
    if training.find_batch and newest is None and distributed.size() == 1:
        # what training will change, until there is a checkpoint to go back to
        trained = [(n, p.detach()) for n, p in model.named_parameters() if p.requires_grad]
        save_file({n: p.contiguous() for n, p in trained}, checkpoints / f".{START}")
        (checkpoints / f".{START}").replace(checkpoints / START)
    while True:
        try:
            state = run(batch, accumulation, newest)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            told = _first_line(error)
        else:
            found = (batch, accumulation) != given
            return state, {"size": batch, "accumulation": accumulation, "found": found}
        # outside of the handler, whose traceback would keep the batch's memory alive
        less = smaller(batch, accumulation) if training.find_batch else None
        if less is None:
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
        log.warning("%s: out of memory with a batch of %d; going on with %d", what, batch, less[0])
        batch, accumulation = less
        with atomic_write(checkpoints / FOUND) as stream:  # later attempts begin with it
            json.dump({"batch": batch, "accumulation": accumulation}, stream)
        if distributed.size() > 1:  # the others wait for this one
            raise TryAgain("out of memory", where=what)
        collect_garbage()
        newest = newest_whole(checkpoints)
        if newest is None:
            model.load_state_dict(load_file(checkpoints / START), strict=False)


def smaller(batch: int, accumulation: int) -> tuple[int, int] | None:
    """Half the batch, or the next below that the update can be cut into; ``None`` for one of 1."""
    update = batch * accumulation
    fitting = [size for size in range(1, batch // 2 + 1) if update % size == 0]
    return (fitting[-1], update // fitting[-1]) if fitting else None


def remembered(checkpoints: Path, batch: int, accumulation: int) -> tuple[int, int]:
    """The batch that an earlier attempt found for an update of this size, else the given one."""
    try:
        size = int(json.loads((checkpoints / FOUND).read_text(encoding="utf-8"))["batch"])
    except (OSError, ValueError, KeyError, TypeError):
        return batch, accumulation
    fits = 1 <= size <= batch and (batch * accumulation) % size == 0
    return (size, batch * accumulation // size) if fits else (batch, accumulation)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of a GPU or of the machine, did not suffice."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError | OSError)
        and any(sign in str(error).lower() for sign in SIGNS)
    )


@contextmanager
def memory_for(what: str, *, where: str) -> Iterator[None]:
    """Say what to do where memory does not hold ``what`` is made within; ``where`` names the run.

    Raises:
        TrainingError: memory did not suffice.
    """
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


def collect_garbage() -> None:
    """Give memory back; where errors are handled it is still in use by their tracebacks."""
    import torch

    gc.collect()
    if device_name() == "cuda":
        torch.cuda.empty_cache()


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


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def share_out(training: Training, processes: int, what: str) -> tuple[int, int]:
    """Batch and accumulation of each process, so that an update has as many examples as with one.

    Args:
        what: Names the run in the error.

    Raises:
        TrainingError: the examples of an update cannot be shared out evenly.
    """
    update = training.batch_size * training.accumulation
    if update % processes:
        fitting = [str(n) for n in range(1, update + 1) if update % n == 0]
        raise TrainingError(
            f"an update of {update} examples (training.batch_size {training.batch_size} × "
            f"accumulation {training.accumulation}) cannot be shared out evenly to {processes} "
            "processes (compute.nodes × compute.gpu)",
            where=what,
            hint=f"with these settings {', '.join(fitting)} processes can train; or change the "
            "batch, which makes another model",
        )
    share = update // processes
    batch = max(n for n in range(1, training.batch_size + 1) if share % n == 0)
    return batch, share // batch
