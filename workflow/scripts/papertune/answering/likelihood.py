"""How likely a model finds reference answers."""

from __future__ import annotations

import inspect
from typing import Any

from papertune.answering.generation import context_of, left_padded
from papertune.examples.tokens import shortened

LOGITS = 2**27  # most logits held at once: 0.5 GB in fp32


def reference_nll(
    model: Any, tokenizer: Any, examples: list[tuple[list[int], str]]
) -> list[tuple[float, int]]:
    """Negative log-likelihood of each completion given its prompt.

    The completion's tokens count, the end token after it does not: perplexity is then that of the
    answer's words and can be compared between models that end differently.

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer.
        examples: Prompt tokens and completion text.

    Returns:
        For each, the sum over the completion's tokens in nats, and their number.
    """
    context = context_of(model.config)
    rows = [prompt_and_completion(tokenizer, tokens, text, context) for tokens, text in examples]
    config = model.config.get_text_config()
    results: list[tuple[float, int]] = []
    start = 0
    while start < len(rows):
        # as many rows as keep the logits of the completions within bounds
        stop, longest = start, 0
        while stop < len(rows):
            longest = max(longest, rows[stop][1] + 1)
            if stop > start and (stop - start + 1) * longest * config.vocab_size > LOGITS:
                break
            stop += 1
        results += _nll(model, tokenizer, rows[start:stop])
        start = stop
    return results


def prompt_and_completion(
    tokenizer: Any, prompt: list[int], text: str, context: int | None
) -> tuple[list[int], int]:
    """Tokens of prompt and completion, and how many are the completion's; cut to the context."""
    own = tokenizer(text, add_special_tokens=False)["input_ids"]
    if context is not None:
        own = own[: context - 1]
        prompt = shortened(tokenizer, prompt, context - len(own))
    if not prompt:  # the first token is given, not predicted
        prompt = [tokenizer.bos_token_id or tokenizer.pad_token_id]
    return prompt + own, len(own)


def predicted(model: Any, tokenizer: Any, examples: list[tuple[list[int], str]]) -> list[list[int]]:
    """The likeliest token at each place of each completion, given all that stands before it.

    Before a place stands the completion itself, not what the model would have written (teacher
    forcing). Arguments as of :func:`reference_nll`.
    """
    context = context_of(model.config)
    rows = [prompt_and_completion(tokenizer, tokens, text, context) for tokens, text in examples]
    logits, _ = _logits(model, tokenizer, rows)
    found: list[list[int]] = logits.argmax(-1).tolist()
    return [found[row][len(found[row]) - count :] for row, (_, count) in enumerate(rows)]


def _nll(model: Any, tokenizer: Any, rows: list[tuple[list[int], int]]) -> list[tuple[float, int]]:
    import torch

    with torch.inference_mode():
        logits, targets = _logits(model, tokenizer, rows)
        losses = torch.nn.functional.cross_entropy(
            logits.float().transpose(1, 2), targets, reduction="none"
        )
    return [
        (float(losses[row, losses.shape[1] - count :].double().sum()), count)
        for row, (_, count) in enumerate(rows)
    ]


def _logits(model: Any, tokenizer: Any, rows: list[tuple[list[int], int]]) -> tuple[Any, Any]:
    """Logits (rows, places, vocabulary) that predict the last places, and their tokens."""
    import torch

    ids, mask = left_padded([tokens for tokens, _ in rows], tokenizer.pad_token_id, model.device)
    # padding on the left must not move the positions of the text
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    keep = max(count for _, count in rows) + 1
    inner = model.get_base_model() if hasattr(model, "peft_config") else model
    can_keep = "logits_to_keep" in inspect.signature(inner.forward).parameters
    with torch.inference_mode():
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            use_cache=False,
            **({"logits_to_keep": keep} if can_keep else {}),
        ).logits[:, -keep:]
    return logits[:, :-1], ids[:, -keep + 1 :] if keep > 1 else ids[:, :0]
