"""Prefix sharing: texts with a common prefix continue from the prefix's cached keys and values.

Questions about a document share its text, and all documents share the start of the prompt. The
prefixes of a batch are themselves a batch of shorter texts, which may share prefixes: they are read
in steps, each from the keys and values of the step before.

A row is padded on the left only, as without sharing: if its remainder is shorter than the longest
of the batch, as many of the last tokens of its prefix are read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, takewhile
from typing import Any
from weakref import WeakKeyDictionary

import torch
from transformers.cache_utils import Cache, DynamicLayer

from papertune.examples.packing import takes

PASS = 64  # tokens that take about as long as reading a model's weights once
STRETCHED = ("dynamic", "longrope", "yarn_dynamic")  # position encodings that depend on length

Tokens = Sequence[int]
_able: "WeakKeyDictionary[Any, bool | None]" = WeakKeyDictionary()


class Kept(DynamicLayer):
    """The keys and values of a layer, preallocated so that no token copies the earlier ones."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.held: list[Any] = []

    def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Add keys and values, both (rows, heads, tokens, width); returns all."""
        old, come = self.get_seq_length(), (key_states, value_states)
        end = old + key_states.shape[-2]
        if not self.held or end > self.held[0].shape[-2]:
            had, self.held = (
                self.held,
                [new.new_empty((*new.shape[:2], end + self.room, new.shape[3])) for new in come],
            )
            for held, before in zip(self.held, had, strict=False):
                held[:, :, :old] = before[:, :, :old]
            self.dtype, self.device = key_states.dtype, key_states.device
            self.is_initialized = True
        for held, new in zip(self.held, come, strict=True):
            held[:, :, old:end] = new
        self._show(end)
        return self.keys, self.values

    def _show(self, end: int) -> None:
        self.keys, self.values = (held[:, :, :end] for held in self.held)

    def batch_select_indices(self, indices: Any) -> None:
        """Only keep these rows."""
        length = self.get_seq_length()
        self.held = [held[indices] for held in self.held]
        self._show(length)


def cache_with(room: int) -> Any:
    """An empty cache with room for ``room`` tokens after the first ones added.

    It also keeps tokens outside a sliding window: the mask excludes them.
    """
    return Cache(layer_class_to_replicate=partial(Kept, room))


@dataclass(frozen=True, slots=True)
class Plan:
    """The prefixes that texts share, the prefix of each text, and how many tokens are read in all.

    ``above`` is the plan for the prefixes that the prefixes share.
    """

    beginnings: list[Tokens]
    owner: list[int]  # the prefix of each text
    cost: int
    above: "Plan | None"


@dataclass(frozen=True, slots=True)
class Shared:
    """The cached prefixes of a batch, and the prefix of each text."""

    beginnings: list[Tokens]
    owner: list[int]  # the prefix of each text
    layers: list[tuple[Any, Any]]  # keys and values: (prefixes, heads, longest prefix, width)

    def cache(
        self, texts: Sequence[Tokens], first: int = 0, *, least: int = 1, room: int = 0
    ) -> Any:
        """A cache of texts: all but as many last tokens as the longest remainder has.

        Args:
            texts: Texts with the prefixes of those that the prefixes were found in.
            first: Index of the first of them there.
            least: Tokens at the end of each text that must not count as read.
            room: Tokens that will follow the texts.
        """
        owners = self.owner[first : first + len(texts)]
        known = [
            min(len(self.beginnings[owner]), len(text) - least)
            for owner, text in zip(owners, texts, strict=True)
        ]
        rest = max(len(text) - read for text, read in zip(texts, known, strict=True))
        columns = max(map(len, texts)) - rest
        made = cache_with(rest + room)
        if columns <= 0:
            return made
        device = self.layers[0][0].device
        longest = max(map(len, self.beginnings))
        # a text's token n is in column n + padding, here as there
        before = [
            longest - len(self.beginnings[owner]) - (max(map(len, texts)) - len(text))
            for owner, text in zip(owners, texts, strict=True)
        ]
        places = torch.tensor(before, device=device)[:, None] + torch.arange(columns, device=device)
        index = torch.tensor(owners, device=device)[:, None], places.clamp(min=0, max=longest - 1)
        for layer, both in enumerate(self.layers):
            keys, values = (one.transpose(1, 2)[index].transpose(1, 2) for one in both)
            made.update(keys, values, layer)
        return made


def shared(model: Any, pad: int, texts: Sequence[Tokens], *, whole: bool = False) -> Shared | None:
    """Read the shared prefixes of texts; ``None`` if they are short or the model cannot reuse them.

    With ``whole``, each text is read completely: this pays if it is continued more than once.
    """
    plan = common(texts)
    if whole and all(texts):
        if len(texts) == 1 and model not in _able:
            _able[model] = None
            return None  # testing the model takes longer than reading the prefix twice
        plan = Plan(list(texts), list(range(len(texts))), 0, plan)
    return None if plan is None or not able(model, pad) else _read(model, pad, plan)


def _read(model: Any, pad: int, plan: Plan) -> Shared:
    beginnings, cache, done = plan.beginnings, cache_with(0), 0
    if plan.above is not None:
        cache = _read(model, pad, plan.above).cache(beginnings)
        done = cache.get_seq_length()
    ids, mask, positions = padded(beginnings, pad, model.device)
    only = {"logits_to_keep": 1} if takes(model, "logits_to_keep") else {}
    placed = {"position_ids": positions[:, done:]} if takes(model, "position_ids") else {}
    with torch.inference_mode():
        model(
            input_ids=ids[:, done:], attention_mask=mask, past_key_values=cache, use_cache=True,
            **placed, **only,
        )  # fmt: skip
    return Shared(beginnings, plan.owner, [(layer.keys, layer.values) for layer in cache.layers])


def padded(rows: Sequence[Tokens], pad: int, device: Any) -> tuple[Any, Any, Any]:
    """Token ids, attention mask and positions, all (rows, longest), padded on the left."""
    longest = max(map(len, rows))
    ids = [[pad] * (longest - len(row)) + list(row) for row in rows]
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    # padding on the left must not move the positions of the text
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return torch.tensor(ids, device=device), mask.to(device), positions.to(device)


def common(texts: Sequence[Tokens]) -> Plan | None:
    """Plan the shared prefixes of texts; ``None`` if reading these first does not pay.

    Texts share a prefix if neighbours in token order have more than half in common of what follows
    the prefix of all; or all texts share the latter, if that is cheaper.
    """
    order = sorted(range(len(texts)), key=lambda row: list(texts[row]))
    same = [_alike(texts[one], texts[other]) for one, other in pairwise(order)]
    frame = min(same, default=0)
    groups, ends = [order[:1]], [len(texts[order[0]])]
    for (one, other), length in zip(pairwise(order), same, strict=True):
        if 2 * (length - frame) > min(len(texts[one]), len(texts[other])) - frame:
            groups[-1].append(other)
            ends[-1] = min(ends[-1], length)
        else:
            groups.append([other])
            ends.append(len(texts[other]))
    best, cost = None, len(texts) * max(map(len, texts))
    for some, lengths in ((groups, ends), ([order], [frame])):
        if len(some) < len(texts):
            plan = _plan(texts, some, lengths)
            if plan is not None and plan.cost < cost:
                best, cost = plan, plan.cost
    return best


def _alike(one: Tokens, other: Tokens) -> int:
    pairs = takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False))
    return sum(1 for _ in pairs)


def _plan(texts: Sequence[Tokens], groups: list[list[int]], ends: list[int]) -> Plan | None:
    """Plan to read each group's prefix, up to its end in ``ends``, first."""
    both = list(zip(groups, ends, strict=True))
    rest = max(
        len(texts[row]) - min(end, len(texts[row]) - 1) for group, end in both for row in group
    )
    # no text needs the part of a prefix that is read again
    ends = [min(end, max(len(texts[row]) for row in group) - rest) for group, end in both]
    if min(ends) <= 0:
        return None
    beginnings = [texts[group[0]][:end] for group, end in zip(groups, ends, strict=True)]
    above = common(beginnings)
    cost = len(groups) * max(ends) if above is None else above.cost
    owner = {row: number for number, group in enumerate(groups) for row in group}
    owners = [owner[row] for row in range(len(texts))]
    return Plan(beginnings, owners, cost + len(texts) * rest + PASS, above)


def able(model: Any, pad: int) -> bool:
    """Test whether a model continues from cached keys and values as if it had read all at once."""
    if (known := _able.get(model)) is None:
        known = _able[model] = _goes_on(model, pad)
    return known


def _goes_on(model: Any, pad: int) -> bool:
    config = model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = {
        rope.get("rope_type"),
        *(one.get("rope_type") for one in rope.values() if isinstance(one, dict)),
    }
    own = getattr(getattr(model, "generation_config", None), "cache_implementation", None)
    if kinds & set(STRETCHED) or own not in (None, "hybrid"):
        return False
    tokens = [(n + 3) * 7919 % config.vocab_size for n in range(24)]
    texts = [tokens[:20], tokens[:17] + tokens[20:22]]
    plan = Plan([tokens[:16]], [0, 0], 0, None)
    try:
        cache = _read(model, pad, plan).cache(texts, room=4)
        ids, mask, positions = padded(texts, pad, model.device)
        done = cache.get_seq_length()
        placed = positions if takes(model, "position_ids") else None
        with torch.inference_mode():
            ways = [{"use_cache": False}, {"past_key_values": cache, "use_cache": True}]
            whole, parted = (
                model(
                    input_ids=ids[:, first:], attention_mask=mask, **how,
                    **({} if placed is None else {"position_ids": placed[:, first:]}),
                ).logits[:, -1].float()
                for first, how in zip((0, done), ways, strict=True)
            )  # fmt: skip
    except (ValueError, RuntimeError, TypeError, AttributeError, IndexError, NotImplementedError):
        return False
    return bool((whole - parted).abs().max() <= 0.05 * whole.abs().max())
