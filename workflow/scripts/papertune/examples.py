"""Tokenised examples: what of a text the loss counts, and how they are padded into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MASKED = -100  # labels that no loss counts


@dataclass(frozen=True, slots=True)
class Examples:
    """Tokenised examples, and how many were cut on the left or rejected as too long."""

    rows: list[dict[str, list[int]]]
    cut: int
    rejected: int


def tokenize(
    tokenizer: Any, texts: list[tuple[str, str]], *, max_length: int, loss: str = "completion"
) -> Examples:
    """Token ids and labels of (prompt, completion) texts, each ended by the end token.

    Prompt and completion are tokenised apart, as a model meets them when it answers.

    Args:
        max_length: Tokens per example. Longer ones lose the beginning of their prompt; one whose
            completion alone is longer is rejected.
        loss: ``completion`` masks the prompt, ``all`` does not.
    """
    rows: list[dict[str, list[int]]] = []
    cut = rejected = 0
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    for prompt, end in _tokens(tokenizer, texts):
        target = [*end, tokenizer.eos_token_id]
        room = max_length - len(target)
        if room < 0 or not end:
            rejected += 1
            continue
        if not prompt:
            prompt = start  # the first token of a plain text is predicted from the beginning token
        if len(prompt) > room:
            prompt = prompt[len(prompt) - room :]
            cut += 1
        shown = prompt if loss == "all" else [MASKED] * len(prompt)
        rows.append({"input_ids": prompt + target, "labels": shown + target})
    return Examples(rows, cut, rejected)


def _tokens(
    tokenizer: Any, texts: list[tuple[str, str]], window: int = 1000
) -> Iterator[tuple[list[int], list[int]]]:
    """Tokens of each text's two parts; what else a tokenizer tells of them takes much memory."""
    for first in range(0, len(texts), window):
        some = texts[first : first + window]
        prompts = tokenizer([prompt for prompt, _ in some], add_special_tokens=False)
        ends = tokenizer([end for _, end in some], add_special_tokens=False)
        yield from zip(prompts["input_ids"], ends["input_ids"], strict=True)


def pad(
    rows: list[dict[str, list[int]]], pad_token: int, *, only_needed: bool = False
) -> dict[str, Any]:
    """A batch as tensors of shape (rows, longest row), padded on the right.

    Args:
        only_needed: Add ``logits_to_keep``, the number of last positions whose logits the loss
            needs: most of the work of a small model is logits of prompts that no loss counts.
    """
    import torch

    longest = max(len(row["input_ids"]) for row in rows)

    def filled(key: str, value: int) -> Any:
        return torch.tensor([row[key] + [value] * (longest - len(row[key])) for row in rows])

    lengths = torch.tensor([[len(row["input_ids"])] for row in rows])
    batch = {
        "input_ids": filled("input_ids", pad_token),
        "labels": filled("labels", MASKED),
        "attention_mask": (torch.arange(longest)[None, :] < lengths).long(),
    }
    if only_needed:
        counted = (batch["labels"] != MASKED).any(dim=0).nonzero()
        first = int(counted[0]) if len(counted) else longest - 1
        # the logits that predict a token stand one position before it
        batch["logits_to_keep"] = min(longest, longest - first + 1)
    return batch


def answer_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross-entropy (nats per token) of the labels that the kept logits predict.

    Args:
        outputs: With ``logits`` of shape (rows, kept positions, vocabulary).
        labels: Of shape (rows, all positions).
        num_items_in_batch: Labels of the whole update where gradients are accumulated.
    """
    from torch.nn.functional import cross_entropy

    logits = outputs.logits[:, :-1].float()
    wanted = labels[:, labels.shape[1] - logits.shape[1] :]
    total = cross_entropy(
        logits.flatten(0, 1), wanted.flatten(), ignore_index=MASKED, reduction="sum"
    )
    count = (wanted != MASKED).sum() if num_items_in_batch is None else num_items_in_batch
    return total / count
