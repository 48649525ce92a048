"""How likely a model finds reference answers."""

from itertools import accumulate, takewhile
from typing import Any

from papertune.answering.generation import left_padded
from papertune.examples.packing import takes
from papertune.examples.tokens import Encoded, shortened
from papertune.models.loading import context_of

LOGITS = 2**27  # most logits held at once: 0.5 GB in fp32


def reference_nll(model: Any, tokenizer: Any, examples: list[Encoded]) -> list[tuple[float, int]]:
    """Negative log-likelihood of each completion given its prompt.

    The completion's tokens count, the end token after it does not: perplexity is then that of the
    answer's words and can be compared between models that end differently.

    Returns:
        For each, the sum over the completion's tokens in nats, and their number.
    """
    import torch

    rows = _fitted(model, tokenizer, examples)
    most = LOGITS // model.config.get_text_config().vocab_size
    results: list[tuple[float, int]] = []
    while rest := rows[len(results) :]:
        # as many rows as keep the logits of the completions within bounds
        longest = accumulate((count + 1 for _, count in rest), max)
        fitting = takewhile(lambda held: held[0] * held[1] <= most, enumerate(longest, start=1))
        some = rest[: max(1, sum(1 for _ in fitting))]
        with torch.inference_mode():
            logits, targets = _logits(model, tokenizer, some)
            losses = torch.nn.functional.cross_entropy(
                logits.float().transpose(1, 2), targets, reduction="none"
            )
        results += [
            (float(one[len(one) - count :].double().sum()), count)
            for one, (_, count) in zip(losses, some, strict=True)
        ]
    return results


def predicted(model: Any, tokenizer: Any, examples: list[Encoded]) -> list[list[int]]:
    """The likeliest token at each place of each completion, given all that stands before it.

    Before a place stands the completion itself, not what the model would have written (teacher
    forcing). Arguments as of :func:`reference_nll`.
    """
    rows = _fitted(model, tokenizer, examples)
    logits, _ = _logits(model, tokenizer, rows)
    found: list[list[int]] = logits.argmax(-1).tolist()
    return [found[row][len(found[row]) - count :] for row, (_, count) in enumerate(rows)]


def _fitted(model: Any, tokenizer: Any, examples: list[Encoded]) -> list[tuple[list[int], int]]:
    """Tokens of prompt and completion, and how many are the completion's; cut to the context."""
    context = context_of(model.config)
    rows = []
    for prompt, completion in examples:
        own = completion[: context - 1] if context else completion
        before = shortened(tokenizer, prompt, context - len(own)) if context else prompt
        # the first token is given, not predicted
        before = before or [tokenizer.bos_token_id or tokenizer.pad_token_id]
        rows.append((before + own, len(own)))
    return rows


def _logits(model: Any, tokenizer: Any, rows: list[tuple[list[int], int]]) -> tuple[Any, Any]:
    """Logits (rows, places, vocabulary) that predict the last places, and their tokens."""
    import torch

    ids, mask = left_padded([tokens for tokens, _ in rows], tokenizer.pad_token_id, model.device)
    # padding on the left must not move the positions of the text
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    keep = max(count for _, count in rows) + 1
    with torch.inference_mode():
        only = {"logits_to_keep": keep} if takes(model, "logits_to_keep") else {}
        logits = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, **only
        ).logits[:, -keep:]
    return logits[:, :-1], ids[:, -keep + 1 :] if keep > 1 else ids[:, :0]
