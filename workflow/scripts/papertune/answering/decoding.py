"""Texts that end an answer: looked for in what was written, never in the prompt."""

from collections.abc import Sequence
from typing import Any

SPARE = 4  # tokens: a text's first may be shared with what is before it, or lack its blank


def before_any(text: str, stop: Sequence[str]) -> str:
    """The text before the first of some texts."""
    return text[: min((place for one in stop if (place := text.find(one)) >= 0), default=len(text))]


def stops_at(stop: Sequence[str], tokenizer: Any, start: int) -> Any:
    """A stopping criterion that ends a row once one of the texts stands at the end of what it wrote.

    Each step decodes so much of the end as may hold them: transformers' own ``stop_strings`` reads the
    whole vocabulary before its first answer.

    Args:
        stop: The texts.
        tokenizer: Decodes.
        start: Tokens of the prompt, with its padding.
    """
    import torch
    from transformers import StoppingCriteria

    longest = max(len(one.encode()) for one in stop) + SPARE  # a token has a byte at least

    class _Stop(StoppingCriteria):
        def __call__(self, ids: Any, scores: Any, **more: Any) -> Any:
            written = ids[:, max(start, ids.shape[1] - longest) :]
            texts = tokenizer.batch_decode(written, skip_special_tokens=True)
            found = [any(one in text for one in stop) for text in texts]
            return torch.tensor(found, device=ids.device)

    return _Stop()
