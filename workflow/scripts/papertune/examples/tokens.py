"""Tokenized examples: which tokens the loss counts, and how rows are padded into batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from papertune.examples.control import Encoder

MASKED = -100  # labels that no loss counts
AT_ONCE = 1000  # texts tokenized together; the tokenizer's output takes much memory

Row = dict[str, list[int]]  # input_ids and labels of an example
Encoded = tuple[list[int], list[int]]  # token ids of a prompt, and of its completion


@dataclass(frozen=True, slots=True)
class Examples:
    """Tokenized examples, and the numbers of those cut or rejected as too long.

    ``packed`` is the limit of tokens of a row that several examples share; ``None`` where each has
    its own row.
    """

    rows: list[Row]
    cut: int = 0
    rejected: int = 0
    packed: int | None = None


def start_tokens(tokenizer: Any) -> list[int]:
    """The tokens that the tokenizer puts before a text.

    For Llama, Gemma and Mistral, this is the beginning-of-sequence token, without which they perform
    badly; for GPT-2 and Qwen, there is none.
    """
    framed, plain = (
        tokenizer("a", add_special_tokens=special)["input_ids"] for special in (True, False)
    )
    places = range(len(framed) - len(plain) + 1)
    return next((framed[:i] for i in places if framed[i : i + len(plain)] == plain), [])


def shortened(tokenizer: Any, tokens: list[int], room: int) -> list[int]:
    """The last ``room`` tokens, beginning with the tokenizer's start tokens where it has some.

    For texts without a question; prompts are cut by :class:`papertune.examples.prompts.Fit`.
    """
    if len(tokens) <= room:
        return tokens
    first = start_tokens(tokenizer)
    kept = first if tokens[: len(first)] == first and len(first) < room else []
    return kept + tokens[len(tokens) - room + len(kept) :]


def encode(
    tokenizer: Any, texts: Iterable[tuple[str, str]], start: list[int] | None = None
) -> Iterator[Encoded]:
    """Token ids of (prompt, completion) texts, encoded separately, as when a model answers.

    All texts are foreign, see :mod:`papertune.examples.control`. ``start`` comes before each prompt;
    default: :func:`start_tokens`.
    """
    first, rest = start_tokens(tokenizer) if start is None else start, iter(texts)
    encoder = Encoder(tokenizer)
    while some := list(islice(rest, AT_ONCE)):
        prompts, completions = (
            encoder([[(text, True)] for text in part]) for part in zip(*some, strict=True)
        )
        for prompt, completion in zip(prompts, completions, strict=True):
            yield [*first, *prompt], completion


def labelled(
    tokenizer: Any,
    encoded: Iterable[Encoded],
    *,
    max_length: int,
    loss: str = "completion",
    end: list[int] | None = None,
) -> Examples:
    """Token ids and labels of encoded texts, each followed by the end tokens.

    A text of more than ``max_length`` tokens loses the beginning of its prompt; if its completion
    alone is longer, it is rejected. A ``loss`` of ``completion`` masks the prompt.
    """
    rows: list[Row] = []
    cut = rejected = 0
    last = [tokenizer.eos_token_id] if end is None else end
    # the first token of a text without a prompt is predicted from a beginning token
    begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    for prompt, completion in encoded:
        target, before = [*completion, *last], prompt or begin
        room = max_length - len(target)
        if room < 0 or not completion:
            rejected += 1
            continue
        if len(before) > room:
            before = shortened(tokenizer, before, room)
            cut += 1
        shown = before if loss == "all" else [MASKED] * len(before)
        rows.append({"input_ids": before + target, "labels": shown + target})
    return Examples(rows, cut, rejected)


def pad(
    rows: list[Row], pad_token: int, *, only_needed: bool = False, length: int = 0
) -> dict[str, Any]:
    """A batch as tensors of shape (rows, longest row or ``length``), padded on the right.

    ``only_needed`` adds ``logits_to_keep``, the number of last positions whose logits the loss needs:
    otherwise a small model spends most of its time on logits of prompts.
    """
    import torch

    longest = max(length, *(len(row["input_ids"]) for row in rows))

    def filled(key: str, value: int) -> Any:
        return torch.tensor([row[key] + [value] * (longest - len(row[key])) for row in rows])

    lengths = torch.tensor([[len(row["input_ids"])] for row in rows])
    batch = {
        "input_ids": filled("input_ids", pad_token),
        "labels": filled("labels", MASKED),
        "attention_mask": (torch.arange(longest)[None, :] < lengths).long(),
    }
    # nothing predicts a first token, but the Trainer would count it in models whose loss it does not
    # recognise by name (GPT-2)
    batch["labels"][:, 0] = MASKED
    if only_needed:
        counted = (batch["labels"] != MASKED).any(dim=0).nonzero()
        first = int(counted[0]) if len(counted) else longest - 1
        # the logits that predict a token are one position before it
        batch["logits_to_keep"] = min(longest, longest - first + 1)
    return batch


def answer_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross-entropy (nats per token) of the labels that the kept logits predict, a scalar tensor.

    Args:
        outputs: With ``logits`` of shape (rows, kept positions, vocabulary).
        labels: Of shape (rows, all positions).
        num_items_in_batch: Number of labels of the whole update if gradients are accumulated.
    """
    from torch.nn.functional import cross_entropy

    logits = outputs.logits[:, :-1].float()
    wanted = labels[:, labels.shape[1] - logits.shape[1] :]
    total = cross_entropy(
        logits.flatten(0, 1), wanted.flatten(), ignore_index=MASKED, reduction="sum"
    )
    count = (wanted != MASKED).sum() if num_items_in_batch is None else num_items_in_batch
    return total / count
