"""Batching: as many rows as memory holds, with the questions about a document together."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Literal, TypeVar

from papertune.models.loading import vocabulary_of

# memory for a batch's keys, values and activations: on a CPU more rows are hardly faster
CPU_MEMORY, CPU_ROWS = 2**30, 64
GPU_SHARE, GPU_ROWS = 0.5, 256  # of the GPU's memory that weights leave
FP32, BF16 = 4, 2
BATCHES = 4  # minimum for each process if several share the rows

Tokens = TypeVar("Tokens")
Size = int | Callable[[int], int]  # rows of a batch, or their number by the longest prompt's tokens


def batches(
    rows: Sequence[tuple[str, Tokens]],
    size: Size,
    length: Callable[[Any], int] = len,
    about: Callable[[str], Hashable] | None = None,
) -> list[list[tuple[str, Tokens]]]:
    """Batch rows by length, longest first, so that a batch too large for memory fails at once.

    A row is a key with its prompt's tokens, or anything whose token count ``length`` gives. Rows
    ``about`` the same document (by key) stay together; they start a new batch if they do not fit
    into the current one and it is at least half full.
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
    """What determines the memory of a row: layers, widths (numbers per token) and vocabulary."""

    layers: int
    kept: int  # keys and values of a layer
    working: int  # activations of a layer
    vocabulary: int

    @classmethod
    def of(cls, config: Any) -> "Sizes":
        """Read the sizes from a model's configuration."""
        text = config.get_text_config()
        width, heads = text.hidden_size, getattr(text, "num_attention_heads", 1)
        groups = getattr(text, "num_key_value_heads", None) or heads
        inner = getattr(text, "intermediate_size", None) or 4 * width
        each = getattr(text, "head_dim", None) or width // heads
        working = 3 * inner + 3 * width + 4 * heads * each
        return cls(text.num_hidden_layers, groups * each, working, vocabulary_of(config))

    def row(self, tokens: int, new: int, number: int) -> int:
        """Bytes of a row of ``tokens`` prompt tokens and ``new`` generated ones."""
        # shared prefixes are held a second time
        keys = 2 * self.kept * ((self.layers + 1) * (tokens + new) + self.layers * tokens)
        return (keys + tokens * self.working) * number + 2 * self.vocabulary * FP32

    def rows(self, tokens: int, new: int, number: int, memory: int, most: int) -> int:
        """How many such rows fit into ``memory`` bytes, at most ``most``."""
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
        size: From the settings; ``auto`` is as many as memory holds.
        config: The model's configuration.
        new: Maximum of new tokens per row.
        folders: Folders of the model's weights and of its base.
        share: Rows per process if several processes share them: each of them gets batches.
    """
    if isinstance(size, int):
        return size
    sizes, (memory, rows, number) = Sizes.of(config), _device(folders)
    rows = min(rows, rows if share is None else ceil(share / BATCHES))
    return lambda tokens: sizes.rows(tokens, new, number, memory, rows)


def _device(folders: Iterable[Path]) -> tuple[int, int, int]:
    """Bytes for a batch, its maximum of rows, and bytes per number."""
    import torch

    if not torch.cuda.is_available():
        return CPU_MEMORY, CPU_ROWS, FP32
    # total, not free memory, so that batches are reproducible; one that does not fit is halved
    whole = torch.cuda.get_device_properties(0).total_memory
    files = (path for folder in folders for path in Path(folder).glob("*.safetensors"))
    weights = sum(path.stat().st_size for path in files)
    return max(0, int((whole - weights) * GPU_SHARE)), GPU_ROWS, BF16
