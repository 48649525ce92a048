"""Batches: examples side by side in rows, or joined and cut into blocks.

Each packed example has its own positions and its own attention, so its loss is the same as alone.
"""

import inspect
import math
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from papertune.errors import TrainingError
from papertune.examples.tokens import MASKED, Row, pad

EVEN = 64  # tokens
Way = Literal["positions", "mask", "added mask"]


def blocks(rows: list[Row], length: int) -> list[Row]:
    """Join all rows in their order and cut them every ``length`` tokens.

    The last block may be shorter. Blocks without a token that the loss counts are left out. The first
    token of a block is never counted, as no token before it predicts it.
    """
    joined = {key: [token for row in rows for token in row[key]] for key in ("input_ids", "labels")}
    cut = (
        {key: tokens[first : first + length] for key, tokens in joined.items()}
        for first in range(0, len(joined["input_ids"]), length)
    )
    return [block for block in cut if any(label != MASKED for label in block["labels"][1:])]


def arrange(lengths: list[int], limit: int) -> list[list[int]]:
    """Assign examples to rows: few rows of similar length; returns the examples' indices per row.

    Longest first, each goes to the row that is shortest so far (Graham 1969), with the fewest rows
    that stay within ``limit`` tokens; an example longer than this raises the limit.
    """
    limit = max(limit, *lengths)
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for count in range(math.ceil(sum(lengths) / limit), len(lengths) + 1):
        rows: list[list[int]] = [[] for _ in range(count)]
        filled = [0] * count
        for i in order:
            shortest = filled.index(min(filled))
            rows[shortest].append(i)
            filled[shortest] += lengths[i]
        if max(filled) <= limit:
            break
    return [sorted(row) for row in rows]


def pack(rows: list[Row], pad_token: int, limit: int, *, way: Way) -> Any:
    """A batch as tensors: examples side by side in rows of at most ``limit`` tokens.

    ``logits_to_keep`` are the positions whose logits are needed: those before counted tokens, and the
    last one. ``labels`` are one position later, as :func:`papertune.examples.tokens.answer_loss`
    expects them.
    """
    import torch

    filling = {"input_ids": pad_token, "labels": MASKED, "position_ids": 0, "example": 0}
    filled: list[dict[str, list[int]]] = []
    for members in arrange([len(row["input_ids"]) for row in rows], limit):
        filled.append({kind: [] for kind in filling})
        for number, member in enumerate(members, 1):
            ids, labels = rows[member]["input_ids"], rows[member]["labels"]
            filled[-1]["input_ids"] += ids
            filled[-1]["labels"] += [MASKED, *labels[1:]]  # nothing predicts its first token
            filled[-1]["position_ids"] += range(len(ids))
            filled[-1]["example"] += [number] * len(ids)
    longest = max(len(row["input_ids"]) for row in filled)
    made = {
        kind: torch.tensor([row[kind] + [fill] * (longest - len(row[kind])) for row in filled])
        for kind, fill in filling.items()
    }
    labels, example = made.pop("labels"), made.pop("example")
    before = (labels[:, 1:] != MASKED).any(dim=0).nonzero().flatten()
    batch = {
        **made,
        "labels": torch.cat([torch.full_like(labels[:, :1], MASKED), labels[:, before + 1]], dim=1),
        "logits_to_keep": torch.cat([before, torch.tensor([longest - 1])]),
        # with a cache, attention crosses examples, in training too
        "use_cache": False,
    }
    if way != "positions":
        same = example[:, None, :, None] == example[:, None, None, :]
        mask = same & torch.ones(longest, longest, dtype=torch.bool).tril()
        if way == "added mask":
            mask = torch.where(mask, 0.0, torch.finfo(torch.float32).min)
        batch["attention_mask"] = mask
    return batch


def way_of(model: Any, what: str) -> Way:
    """How this model separates the attention of packed examples; determined by a test.

    ``positions``: positions restart at 0, which most architectures of transformers understand.
    ``mask``: a boolean mask of all pairs of positions, for Falcon and OPT; ``added mask``: the same
    as a number that the model adds to its attention scores.

    Raises:
        TrainingError: nothing separates them; ``what`` names the run.
    """
    ways: list[Way] = []
    if takes(model, "position_ids") and takes(model, "logits_to_keep"):
        ways = ["positions"]
        # one mask serves all layers, but those with a sliding window need another one
        if not getattr(model.config.get_text_config(), "sliding_window", None):
            ways += ["mask", "added mask"]
    for way in ways:
        if _keeps_apart(model, way):
            return way
    named = model.config.architectures or model.config.model_type
    hint = "set examples.packing to none for models of this base"
    raise TrainingError(f"{named} cannot keep packed examples apart", where=what, hint=hint)


def takes(model: Any, argument: str) -> bool:
    """Whether the forward method of a model (below its adapters) has an argument."""
    decoder = model.get_base_model() if hasattr(model, "peft_config") else model
    return argument in inspect.signature(decoder.forward).parameters


def _keeps_apart(model: Any, way: Way) -> bool:
    """Whether an example has the same logits after another one as alone."""
    import torch

    vocabulary = model.config.get_text_config().vocab_size

    def row(length: int, seed: int) -> Row:
        tokens = [(seed * (i + 3) * 7919) % vocabulary for i in range(length)]
        return {"input_ids": tokens, "labels": tokens}

    def logits(*rows: Row) -> Any:
        batch = pack(list(rows), 0, 1 << 30, way=way)
        batch = {k: v.to(model.device) if torch.is_tensor(v) else v for k, v in batch.items()}
        batch |= {"labels": None, "logits_to_keep": len(rows[-1]["input_ids"])}
        return model(**batch).logits.float()

    last, training = row(9, 5), model.training
    model.eval()
    try:
        with torch.no_grad():
            alone, after, other = (
                logits(*rows) for rows in ([last], [row(7, 1), last], [row(7, 3), last])
            )
    except (ValueError, RuntimeError):  # it does not accept such a mask
        return False
    finally:
        model.train(training)
    size = float(alone.abs().max())
    # rounding may depend on the position; which example comes before must not matter at all
    near, same = (float((after - one).abs().max()) for one in (alone, other))
    return near <= 0.05 * size and same <= 1e-4 * size


def together(lengths: list[int], most: int) -> list[list[int]]:
    """Group rows of similar length into parts of at most ``most`` tokens with padding.

    All rows form one part, in their order, if they fit; a row that is longer is a part of its own.
    """
    if len(lengths) * max(lengths) <= most:
        return [list(range(len(lengths)))]
    parts: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if parts and (len(parts[-1]) + 1) * lengths[i] <= most:
            parts[-1].append(i)
        else:
            parts.append([i])
    return parts


@dataclass
class Collator:
    """Makes batches of examples.

    A batch of more than ``most`` tokens, with padding, has ``parts``: batches that are computed one
    after the other; its own ``labels`` are for counting only.
    """

    pad_token: int
    only_needed: bool  # whether the model can leave out logits that no loss counts
    even: int = 0  # pad rows to a multiple of it, without an attention mask: no token sees padding
    context: int = 1 << 30  # but no longer than this
    limit: int | None = None  # most tokens of a packed row; None: one example per row
    way: Way = "positions"
    most: int | None = None  # tokens computed at once; lowered if memory runs out

    @classmethod
    def of(
        cls, model: Any, pad_token: int, limit: int | None, what: str, most: int | None = None
    ) -> "Collator":
        """The collator for a model; raises as :func:`way_of`."""
        if limit is None:
            # on a GPU, checking for padding stalls each step, and each new shape needs a new search
            # for the fastest matrix multiplication
            even = EVEN if model.device.type == "cuda" else 0
            told = getattr(model.config.get_text_config(), "max_position_embeddings", None)
            needed = takes(model, "logits_to_keep")
            return cls(pad_token, needed, even, told or cls.context, most=most)
        return cls(pad_token, True, limit=limit, way=way_of(model, what), most=most)

    def __call__(self, rows: list[Row]) -> dict[str, Any]:
        """A batch; its ``tokens``, without padding, are for the Trainer only."""
        # examples without a counted token only complete the batches of several processes
        real = [row for row in rows if any(label != MASKED for label in row["labels"])]
        tokens = sum(len(row["input_ids"]) for row in real)
        shown = rows if self.limit is None else real or rows[:1]
        parts = [self._batch([shown[i] for i in group]) for group in self._groups(shown)]
        if len(parts) == 1:
            return {**parts[0], "tokens": tokens}
        return {"labels": pad(shown, self.pad_token)["labels"], "parts": parts, "tokens": tokens}

    def _groups(self, rows: list[Row]) -> list[list[int]]:
        lengths = [len(row["input_ids"]) for row in rows]
        if self.most is None:
            return [list(range(len(rows)))]
        if self.limit is None:
            return together(lengths, self.most)
        packed, count = arrange(lengths, self.limit), max(1, self.most // self.limit)
        some = (packed[first : first + count] for first in range(0, len(packed), count))
        return [sorted(chain.from_iterable(group)) for group in some]

    def _batch(self, rows: list[Row]) -> Any:
        if self.limit is not None:
            return pack(rows, self.pad_token, self.limit, way=self.way)
        if not self.even:
            return pad(rows, self.pad_token, only_needed=self.only_needed)
        longest = max(len(row["input_ids"]) for row in rows)
        even = max(longest, min(math.ceil(longest / self.even) * self.even, self.context))
        batch = pad(rows, self.pad_token, only_needed=self.only_needed, length=even)
        del batch["attention_mask"]
        return batch
