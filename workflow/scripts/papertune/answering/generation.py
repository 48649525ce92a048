"""What a model makes of a batch: the answers it writes, and how likely it finds reference answers.

Batches are sorted by length, padded on the left, and decoding is explicit.

What a row gets does not depend on the rows beside it: sampling draws from a random number
generator per row, seeded by the row's key.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any, TypeVar

from papertune.answering.decoding import before_any, stops_at
from papertune.errors import PapertuneError
from papertune.examples.packing import takes
from papertune.examples.tokens import Encoded
from papertune.identity import digest
from papertune.models.loading import context_of, end_tokens

LOGITS = 2**27  # most logits held at once: 0.5 GB in fp32

log = logging.getLogger(__name__)

Row = tuple[str, list[int]]  # key and prompt tokens
Tokens = TypeVar("Tokens")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to write: temperature 0 is greedy; ``seed`` matters only above it.

    What is written ends before the first text of ``stop``. The ``repetition_penalty`` (Keskar et al.
    2019) is of tokens that were written already, not of the prompt's: an answer is to have its terms.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 1
    stop: Sequence[str] = ()
    repetition_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Generated:
    """One answer: its text, its tokens without the end token, whether it hit the limit."""

    text: str
    new_tokens: int
    truncated: bool


def room_for(config: Any, max_new_tokens: int) -> tuple[int | None, int]:
    """Most prompt tokens, and most new tokens: of a small context the prompt keeps half at least."""
    context = context_of(config)
    if context is None:
        return None, max_new_tokens
    new = min(max_new_tokens, max(context // 2, 1))
    return context - new, new


def batches(
    rows: Sequence[tuple[str, Tokens]], size: int, length: Callable[[Any], int] = len
) -> list[list[tuple[str, Tokens]]]:
    """Rows sorted by length, longest first: a batch too large for memory shows at once.

    Beside a row's key stand its prompt's tokens, or what else tells their number by ``length``.
    """
    ordered = sorted(rows, key=lambda row: (-length(row[1]), row[0]))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def generate(model: Any, tokenizer: Any, batch: list[Row], sampling: Sampling) -> list[Generated]:
    """Write an answer to every row of a batch; a batch that memory does not hold is halved.

    Prompts are no longer than :func:`room_for` says.

    Raises:
        PapertuneError: memory does not hold even one row.
    """
    import torch

    try:
        return _generate(model, tokenizer, batch, sampling)
    except torch.cuda.OutOfMemoryError:
        if len(batch) == 1:
            raise PapertuneError(
                "the GPU's memory does not hold one prompt",
                hint="take a smaller model, a shorter prompt or a larger GPU",
            ) from None
    # outside of the handler, whose traceback would keep the batch's memory alive
    torch.cuda.empty_cache()
    half = (len(batch) + 1) // 2
    log.warning("out of GPU memory with %d rows; going on with %d", len(batch), half)
    return generate(model, tokenizer, batch[:half], sampling) + generate(
        model, tokenizer, batch[half:], sampling
    )


def _generate(model: Any, tokenizer: Any, batch: list[Row], sampling: Sampling) -> list[Generated]:
    import torch
    from transformers import (
        GenerationConfig,
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        StoppingCriteriaList,
    )

    _, new = room_for(model.config, sampling.max_new_tokens)
    ids, mask = left_padded([row for _, row in batch], tokenizer.pad_token_id, model.device)
    ends = end_tokens(model, tokenizer)
    config = GenerationConfig(
        max_new_tokens=new, do_sample=False, num_beams=1, use_cache=True,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=sorted(ends) or None,
    )  # fmt: skip
    start = ids.shape[1]
    noise, until = LogitsProcessorList(), StoppingCriteriaList()
    if sampling.repetition_penalty != 1:
        noise.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty, start))
    if sampling.stop:
        until.append(stops_at(sampling.stop, tokenizer, start))
    if sampling.temperature > 0:
        noise.append(row_sampler([key for key, _ in batch], sampling, model.device))
    with torch.inference_mode():
        written = model.generate(
            input_ids=ids, attention_mask=mask, generation_config=config, logits_processor=noise,
            stopping_criteria=until,
        )  # fmt: skip
    ends |= {tokenizer.pad_token_id} if sampling.stop else set()  # of rows that ended before others
    return [_read_answer(tokenizer, row[start:].tolist(), ends, sampling.stop) for row in written]


def _read_answer(
    tokenizer: Any, tokens: list[int], ends: set[int], stop: Sequence[str]
) -> Generated:
    """An answer up to its end token or a text that ends it; without one it ran into the limit."""
    length = next((i for i, token in enumerate(tokens) if token in ends), len(tokens))
    whole = tokenizer.decode(tokens[:length], skip_special_tokens=True)
    text = before_any(whole, stop)
    return Generated(text, length, truncated=length == len(tokens) and text == whole)


def left_padded(rows: Sequence[Sequence[int]], pad: int, device: Any) -> tuple[Any, Any]:
    """Token ids and attention mask, both (rows, longest), padded on the left."""
    import torch

    longest = max(len(row) for row in rows)
    ids = [[pad] * (longest - len(row)) + list(row) for row in rows]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def row_sampler(keys: list[str], sampling: Sampling, device: Any) -> Any:
    """A logits processor that makes the greedy choice a draw from softmax(logits / temperature).

    It is the Gumbel-max trick (Gumbel 1954): the argmax of log-probabilities plus Gumbel noise is
    such a draw. Every row has a generator of its own, so its draws do not depend on its batch.
    """
    import torch
    from transformers import LogitsProcessor, TopPLogitsWarper

    seeds = [int(digest([sampling.seed, key])[:15], 16) for key in keys]
    generators = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]
    nucleus = TopPLogitsWarper(sampling.top_p) if sampling.top_p < 1 else None

    class _RowSampler(LogitsProcessor):
        def __call__(self, ids: Any, scores: Any) -> Any:
            scores = scores.float() / sampling.temperature
            if nucleus is not None:
                scores = nucleus(ids, scores)
            for row, generator in enumerate(generators):
                drawn = torch.empty(scores.shape[1], device=scores.device)
                drawn.exponential_(generator=generator)
                scores[row] -= drawn.log()
            return scores

    return _RowSampler()


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
    """Tokens of prompt and completion, and how many are the completion's.

    Of a completion that the context does not hold beside its prompt the beginning counts.
    """
    context = context_of(model.config)
    rows = []
    for prompt, completion in examples:
        # the first token is given, not predicted
        before = prompt or [tokenizer.bos_token_id or tokenizer.pad_token_id]
        own = completion[: context - len(before)] if context else completion
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
