"""How much of an update is computed at once, and how that is reduced if memory runs out."""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError, TryAgain
from papertune.examples.tokens import MASKED
from papertune.files import atomic_write, read_json
from papertune.jobs import distributed
from papertune.models.loading import device_name
from papertune.owned import make_folder
from papertune.study.settings import Training

log = logging.getLogger(__name__)

FOUND = "batch.json"  # in the folder of a run's checkpoints
# tokens at once: 135M parameters train fastest in bf16 with 1,600, a tenth slower with 3,000
ON_CPU = 2048
# for head and loss on a GPU (papertune.training.head), here because estimates need it without
# torch: logits at once, each of which takes 10 bytes; 4 if compiled
LOGITS, COMPILED_LOGITS = 2**26, 2**28
TILE = 64  # rows of the head's weights: tensor cores compute whole tiles
# messages of torch's allocator on a CPU, of the CUDA libraries (which have no error class), of
# oneDNN and of the Linux kernel
SIGNS = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "could not create a memory", "alloc_failed", "std::bad_alloc",
)  # fmt: skip


def tokens_at_once(training: Training, context: int | None, checkpoints: Path) -> tuple[int, int]:
    """Tokens of an update to compute at once, and the number that an earlier attempt found to fit.

    The latter is stored in the folder of checkpoints.
    """
    make_folder(checkpoints)
    longest = min(training.max_length, context or training.max_length)
    most = most_at_once(training, longest, on_gpu=device_name() == "cuda")
    try:
        found = int(read_json(checkpoints / FOUND)["tokens"])
    except (OSError, ValueError, KeyError, TypeError):
        return most, most
    return most, found if 1 <= found < most else most


def most_at_once(training: Training, longest: int, *, on_gpu: bool) -> int:
    """The tokens of ``batch_size`` examples of the longest length.

    A processor is no faster with more than fits into its caches, so the maximum there is
    :data:`ON_CPU`.
    """
    most = training.batch_size * longest
    return most if on_gpu else min(most, max(ON_CPU, longest))


def remember(checkpoints: Path, most: int, what: str) -> None:
    """Record how many tokens at once later attempts begin with, and log it.

    Raises:
        TryAgain: several processes train together; all must restart.
    """
    log.warning("%s: out of memory; continuing with at most %d tokens at once", what, most)
    with atomic_write(checkpoints / FOUND) as stream:
        json.dump({"tokens": most}, stream)
    if distributed.size() > 1:  # the others wait for this one
        raise TryAgain("out of memory", where=what)


def parts_of(batch: dict[str, Any], most: int | None) -> list[dict[str, Any]]:
    """Split a batch into parts that are computed one after the other.

    A part with more tokens than ``most`` was made before memory ran out; it is halved repeatedly.
    """
    return [less for part in batch.get("parts") or [batch] for less in _cut(part, most)]


def _cut(part: dict[str, Any], most: int | None) -> list[dict[str, Any]]:
    if most is None or len(part["labels"]) == 1 or part["input_ids"].numel() <= most:
        return [part]
    return [less for half in halves(part) for less in _cut(half, most)]


def fewer_tokens(parts: list[dict[str, Any]], error: BaseException) -> int:
    """Half of the largest part's tokens if memory ran out; 0 if not, or if it cannot be halved."""
    sizes = [part["input_ids"].numel() // 2 for part in parts if len(part["labels"]) > 1]
    return max(sizes, default=0) if is_out_of_memory(error) else 0


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a GPU or the machine ran out of memory."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError | OSError)
        and any(sign in str(error).lower() for sign in SIGNS)
    )


@contextmanager
def memory_for(what: str, *, where: str, hint: str) -> Iterator[None]:
    """If memory runs out within, raise a TrainingError that names ``what`` and says what to do."""
    try:
        yield
    except (RuntimeError, OSError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        told = str(error).strip().partition("\n")[0] or type(error).__name__
        raise TrainingError(
            f"memory does not hold {what}: {told}", where=where, hint=hint
        ) from None


def memory_of(training: Training, where: str) -> AbstractContextManager[None]:
    """As :func:`memory_for`, for the steps of a training."""
    what, finding = f"{training.batch_size} examples", "training.find_batch: true, "
    if training.find_batch:
        what, finding = "one example", ""
    hint = (
        f"{finding}training.gradient_checkpointing: true, a smaller training.max_length, "
        "method lora or qlora; or a larger GPU, on a CPU more compute.memory_mb"
    )
    return memory_for(f"a step of {what} at once", where=where, hint=hint)


def halves(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """The two halves of a batch's rows."""
    import torch

    rows = len(batch["labels"])
    return [
        {
            # the logits to keep are given for all rows together
            key: value[part] if torch.is_tensor(value) and key != "logits_to_keep" else value
            for key, value in batch.items()
        }
        for part in (slice(rows // 2), slice(rows // 2, rows))
    ]


def mean_loss(parts: list[dict[str, Any]], losses: Iterable[Any]) -> Any:
    """The mean loss over the counted tokens of all parts; parts without any (nan) are skipped."""
    counts = [int((part["labels"] != MASKED).sum()) for part in parts]
    found = zip(losses, counts, strict=True)
    return sum(loss * count for loss, count in found if count) / sum(counts)


def share_of(training: Training, processes: int, what: str) -> int:
    """The number of examples per process, so that an update has as many as with one process.

    Raises:
        TrainingError: the examples of an update cannot be divided evenly.
    """
    update = training.batch_size * training.accumulation
    if update % processes:
        able = [str(n) for n in range(1, update + 1) if update % n == 0]
        raise TrainingError(
            f"an update of {update} examples (training.batch_size {training.batch_size} × "
            f"accumulation {training.accumulation}) cannot be divided evenly among {processes} "
            "processes (compute.nodes × compute.gpu)",
            where=what,
            hint=f"with these settings {', '.join(able)} processes can train; or change the "
            "batch, which gives another model",
        )
    return update // processes
