"""Sampling, repetition penalty and stop texts, which are searched for in the answer only."""

from collections.abc import Callable, Sequence
from typing import Any

from papertune.identity import digest

SPARE = 4  # tokens: a stop text's first token may overlap what precedes it, or lack its space


def before_any(text: str, stop: Sequence[str]) -> str:
    """Cut a text before the first occurrence of any stop text."""
    return text[: min((place for one in stop if (place := text.find(one)) >= 0), default=len(text))]


def stops_at(stop: Sequence[str], tokenizer: Any, start: int) -> Any:
    """A stopping criterion that ends a row once its output ends with one of the texts.

    Each step decodes only as many last tokens as a stop text may have: transformers' own
    ``stop_strings`` reads the whole vocabulary before its first answer.

    Args:
        stop: The texts.
        tokenizer: Decodes.
        start: Tokens of the prompt, including padding.
    """
    import torch
    from transformers import StoppingCriteria

    longest = max(len(one.encode()) for one in stop) + SPARE  # a token has at least one byte

    class _Stop(StoppingCriteria):
        def __call__(self, ids: Any, scores: Any, **more: Any) -> Any:
            written = ids[:, max(start, ids.shape[1] - longest) :]
            texts = tokenizer.batch_decode(written, skip_special_tokens=True)
            found = [any(one in text for one in stop) for text in texts]
            return torch.tensor(found, device=ids.device)

    return _Stop()


def told_to(hear: Callable[[str], bool], tokenizer: Any, start: int) -> Any:
    """A stopping criterion that passes on a single row's text so far after each token.

    Args:
        hear: Takes the text, and returns whether to continue.
        tokenizer: Decodes.
        start: Tokens of the prompt.
    """
    import torch
    from transformers import StoppingCriteria

    class _Told(StoppingCriteria):
        def __call__(self, ids: Any, scores: Any, **more: Any) -> Any:
            on = hear(tokenizer.decode(ids[0, start:], skip_special_tokens=True))
            return torch.tensor([not on], device=ids.device)

    return _Told()


def own_penalty(penalty: float, pad: int) -> Any:
    """A logits processor for a model's own repetition penalty: prompts count, padding does not.

    transformers' own processor counts padding: if the end token pads, shorter rows then end later.
    """
    from transformers import RepetitionPenaltyLogitsProcessor

    class _OwnPenalty(RepetitionPenaltyLogitsProcessor):
        def __call__(self, ids: Any, scores: Any) -> Any:
            padding = (ids == pad).cumprod(dim=1).bool()
            return super().__call__(ids.where(~padding, ids[:, -1:]), scores)

    return _OwnPenalty(penalty)


def row_sampler(keys: list[str], sampling: Any, device: Any) -> Any:
    """A logits processor that makes the greedy choice a draw from softmax(logits / temperature).

    It is the Gumbel-max trick (Gumbel 1954): the argmax of log-probabilities plus Gumbel noise is
    such a draw. Every row has a generator of its own, so its draws do not depend on its batch.
    ``sampling`` is a :class:`papertune.answering.generation.Sampling`.
    """
    import torch
    from transformers import LogitsProcessor, TopPLogitsWarper

    seeds = [int(digest([sampling.seed, key])[:15], 16) for key in keys]
    nucleus = TopPLogitsWarper(sampling.top_p) if sampling.top_p < 1 else None

    class _RowSampler(LogitsProcessor):
        generators = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]

        def keep(self, places: list[int]) -> None:
            """Keep only these rows."""
            self.generators = [self.generators[place] for place in places]

        def __call__(self, ids: Any, scores: Any) -> Any:
            scores = scores.float() / sampling.temperature
            if nucleus is not None:
                scores = nucleus(ids, scores)
            for row, generator in enumerate(self.generators):
                drawn = torch.empty(scores.shape[1], device=scores.device)
                drawn.exponential_(generator=generator)
                scores[row] -= drawn.log()
            return scores

    return _RowSampler()
