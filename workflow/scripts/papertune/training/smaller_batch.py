"""How much of an update is computed at once, and what is done when memory does not hold it."""

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
# tokens at once: of 1,600 a model of 135M parameters trains fastest in bf16, of 3,000 a tenth slower
ON_CPU = 2048
# of a GPU's head and loss (papertune.training.head), here because estimates read it without torch:
# logits at once, each of which takes 10 bytes; where they are compiled, 4
LOGITS, COMPILED_LOGITS = 2**26, 2**28
TILE = 64  # rows of the head's weights: tensor cores take whole tiles of them
# of torch's allocator on a CPU, of the CUDA libraries (which raise no error of their own kind), of
# oneDNN and of the Linux kernel
SIGNS = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "could not create a memory", "alloc_failed", "std::bad_alloc",
)  # fmt: skip


def tokens_at_once(training: Training, context: int | None, checkpoints: Path) -> tuple[int, int]:
    """How many tokens of an update are computed at once, and how many an earlier attempt found to fit.

    That is kept in the folder of checkpoints.
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
    """As many tokens as ``batch_size`` examples of the longest length have.

    A processor computes no faster what does not stay in its caches, so there are no more than
    :data:`ON_CPU` of them.
    """
    most = training.batch_size * longest
    return most if on_gpu else min(most, max(ON_CPU, longest))


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


def parts_of(batch: dict[str, Any], most: int | None) -> list[dict[str, Any]]:
    """What of a batch is computed at once, one part after the other.

    A part of more tokens than ``most`` is halved, again and again: it was made before memory failed.
    """
    return [less for part in batch.get("parts") or [batch] for less in _cut(part, most)]


def _cut(part: dict[str, Any], most: int | None) -> list[dict[str, Any]]:
    if most is None or len(part["labels"]) == 1 or part["input_ids"].numel() <= most:
        return [part]
    return [less for half in halves(part) for less in _cut(half, most)]


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


@contextmanager
def memory_for(what: str, *, where: str, hint: str) -> Iterator[None]:
    """Where memory does not hold ``what`` is made within, say what to do (TrainingError)."""
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
    """As :func:`memory_for`, of the steps of a training."""
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
            # which logits to keep is said for all rows together
            key: value[part] if torch.is_tensor(value) and key != "logits_to_keep" else value
            for key, value in batch.items()
        }
        for part in (slice(rows // 2), slice(rows // 2, rows))
    ]


def mean_loss(parts: list[dict[str, Any]], losses: Iterable[Any]) -> Any:
    """The mean of the counted tokens of all parts; of a part without any, the loss is no number."""
    counts = [int((part["labels"] != MASKED).sum()) for part in parts]
    found = zip(losses, counts, strict=True)
    return sum(loss * count for loss, count in found if count) / sum(counts)


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
