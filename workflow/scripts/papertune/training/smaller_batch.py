"""How much of an update is computed at once, and what is done when memory does not hold it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError, TryAgain
from papertune.examples.tokens import MASKED
from papertune.jobs import distributed
from papertune.models.loading import device_name
from papertune.owned import make_folder
from papertune.records import atomic_write, read_json
from papertune.study.settings import Training

log = logging.getLogger(__name__)

FOUND = "batch.json"  # in the folder of a run's checkpoints
# tokens at once: of 1,600 a model of 135M parameters trains fastest in bf16, of 3,000 a tenth slower
ON_CPU = 2048
# of torch's allocator on a CPU, of the CUDA libraries (which raise no error of their own kind), of
# oneDNN and of the Linux kernel
SIGNS = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "could not create a memory", "alloc_failed", "std::bad_alloc",
)  # fmt: skip


def tokens_at_once(training: Training, context: int | None, checkpoints: Path) -> tuple[int, int]:
    """How many tokens of an update are computed at once, and how many an earlier attempt found to fit.

    As many as ``batch_size`` examples of the longest length have. A processor computes no faster what
    does not stay in its caches, so there are no more than :data:`ON_CPU` of them.
    """
    make_folder(checkpoints)
    longest = min(training.max_length, context or training.max_length)
    most = training.batch_size * longest
    if device_name() == "cpu":
        most = min(most, max(ON_CPU, longest))
    try:
        found = int(read_json(checkpoints / FOUND)["tokens"])
    except (OSError, ValueError, KeyError, TypeError):
        return most, most
    return most, found if 1 <= found < most else most


def remember(checkpoints: Path, most: int, what: str) -> None:
    """Have later attempts begin with so many tokens at once; those of one that failed are told of.

    Raises:
        TryAgain: others train with this process; all begin anew.
    """
    log.warning("%s: out of memory; going on with at most %d tokens at once", what, most)
    with atomic_write(checkpoints / FOUND) as stream:
        json.dump({"tokens": most}, stream)
    if distributed.size() > 1:  # the others wait for this one
        raise TryAgain("out of memory", where=what)


@contextmanager
def memory_of(training: Training, what: str) -> Iterator[None]:
    """Where memory does not hold a step of what is made within, say what to do (TrainingError)."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        told = _first_line(error)
    else:
        return
    batch, finding = f"{training.batch_size} examples", "training.find_batch: true, "
    if training.find_batch:
        batch, finding = "one example", ""
    raise TrainingError(
        f"out of memory with {batch} at once: {told}",
        where=what,
        hint=f"{finding}training.gradient_checkpointing: true, a smaller training.max_length, "
        "method lora or qlora; or a larger GPU, on a CPU more compute.memory_mb",
    )


def parts_of(batch: dict[str, Any], most: int | None) -> list[dict[str, Any]]:
    """What of a batch is computed at once, one part after the other.

    A part of more tokens than ``most`` is halved, again and again: it was made before memory failed.
    """
    return [less for part in batch.get("parts") or [batch] for less in _cut(part, most)]


def _cut(part: dict[str, Any], most: int | None) -> list[dict[str, Any]]:
    if most is None or len(part["labels"]) == 1 or part["input_ids"].numel() <= most:
        return [part]
    return [less for _, half in halves(part) for less in _cut(half, most)]


def fewer_tokens(parts: list[dict[str, Any]], error: BaseException) -> int:
    """Half of the most tokens at once, where memory failed; 0 where not, or no part can be halved."""
    sizes = [part["input_ids"].numel() // 2 for part in parts if len(part["labels"]) > 1]
    return max(sizes, default=0) if is_out_of_memory(error) else 0


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of a GPU or of the machine, did not suffice."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError | OSError)
        and any(sign in str(error).lower() for sign in SIGNS)
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


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


def share_of(training: Training, processes: int, what: str) -> int:
    """The examples that each process has of an update, so that it has as many as with one.

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
    return update // processes
