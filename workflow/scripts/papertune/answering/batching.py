"""Which rows a model reads and writes together: as many tokens as memory holds, a document's together."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Literal, TypeVar

from papertune.models.loading import vocabulary_of

# what keys, values and passing tensors of a batch may take: on a CPU more rows are hardly faster
CPU_MEMORY, CPU_ROWS = 2**30, 64
GPU_SHARE, GPU_ROWS = 0.5, 256  # of the GPU's memory that weights leave
FP32, BF16 = 4, 2
BATCHES = 4  # of each process at least, where several share the rows

Tokens = TypeVar("Tokens")
Size = int | Callable[[int], int]  # rows of a batch, or how many by its longest prompt's tokens


def batches(
    rows: Sequence[tuple[str, Tokens]],
    size: Size,
    length: Callable[[Any], int] = len,
    about: Callable[[str], Hashable] | None = None,
) -> list[list[tuple[str, Tokens]]]:
    """Rows sorted by length, longest first: a batch too large for memory shows at once.

    Beside a row's key stand its prompt's tokens, or what else tells their number by ``length``. Rows
    ``about`` the same (a document, by their keys) stand together, and in one batch if half of one
    is full without them.
    """
    groups: dict[Hashable, list[tuple[str, Tokens]]] = {}
    for row in sorted(rows, key=lambda row: (-length(row[1]), row[0])):
        groups.setdefault(row[0] if about is None else (about(row[0]),), []).append(row)
    made: list[list[tuple[str, Tokens]]] = []
    most = 0
    for group in groups.values():
        while group:
            left = most - len(made[-1]) if made else 0
            if not left or (len(group) > left and 2 * left <= most):
                most = size if isinstance(size, int) else size(length(group[0][1]))
                made.append([])
                left = most
            made[-1] += group[:left]
            group = group[left:]
    return made


@dataclass(frozen=True, slots=True)
class Sizes:
    """What decides how much memory a row takes: layers, widths (numbers of a token) and vocabulary."""

    layers: int
    kept: int  # keys, and values, of a layer
    working: int  # passing in a layer
    vocabulary: int

    @classmethod
    def of(cls, config: Any) -> "Sizes":
        """Of a model's configuration."""
        text = config.get_text_config()
        width, heads = text.hidden_size, getattr(text, "num_attention_heads", 1)
        groups = getattr(text, "num_key_value_heads", None) or heads
        inner = getattr(text, "intermediate_size", None) or 4 * width
        each = getattr(text, "head_dim", None) or width // heads
        working = 3 * inner + 3 * width + 4 * heads * each
        return cls(text.num_hidden_layers, groups * each, working, vocabulary_of(config))

    def row(self, tokens: int, new: int, number: int) -> int:
        """Bytes of a row of so many tokens, to which so many are written."""
        # what beginnings share is held once more for them
        keys = 2 * self.kept * ((self.layers + 1) * (tokens + new) + self.layers * tokens)
        return (keys + tokens * self.working) * number + 2 * self.vocabulary * FP32

    def rows(self, tokens: int, new: int, number: int, memory: int, most: int) -> int:
        """How many of them a memory holds, of at most so many."""
        return max(1, min(most, memory // self.row(tokens, new, number)))


def rows_at_once(
    size: int | Literal["auto"],
    config: Any,
    new: int,
    folders: Iterable[Path],
    share: int | None = None,
) -> Size:
    """How many rows a batch may have.

    Args:
        size: What the settings say; ``auto`` is as many as memory holds.
        config: The model's configuration.
        new: Most tokens that are written to each row.
        folders: Where the model's weights are, with those of its base.
        share: Rows of a process where several share them: all of them get batches.
    """
    if isinstance(size, int):
        return size
    sizes, (memory, rows, number) = Sizes.of(config), _device(folders)
    rows = min(rows, rows if share is None else ceil(share / BATCHES))
    return lambda tokens: sizes.rows(tokens, new, number, memory, rows)


def _device(folders: Iterable[Path]) -> tuple[int, int, int]:
    """Bytes for a batch, its most rows, and bytes of a number."""
    import torch

    if not torch.cuda.is_available():
        return CPU_MEMORY, CPU_ROWS, FP32
    # all of it and not what is free, so that batches are the same each time; what does not fit is halved
    whole = torch.cuda.get_device_properties(0).total_memory
    files = (path for folder in folders for path in Path(folder).glob("*.safetensors"))
    weights = sum(path.stat().st_size for path in files)
    return max(0, int((whole - weights) * GPU_SHARE)), GPU_ROWS, BF16
