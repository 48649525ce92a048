"""Generate answers for a batch, and compute the likelihood of reference answers.

Batches (:mod:`papertune.answering.batching`) are padded on the left, and decoding is explicit.
Shared prefixes are read once (:mod:`papertune.answering.prefixes`); finished rows leave the batch.

A row's answer does not depend on the other rows of its batch: each row samples with its own random
number generator, seeded by the row's key.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any, TypeVar

from papertune.answering.decoding import before_any, own_penalty, row_sampler, stops_at, told_to
from papertune.errors import PapertuneError
from papertune.examples.packing import takes
from papertune.examples.tokens import Encoded
from papertune.models.loading import context_of, end_tokens

LOGITS = 2**27  # maximum of logits held at once: 0.5 GB in fp32
STEPS = 16  # tokens that a batch generates before its finished rows are removed
# a model's own settings that count from the start of its answer: no row leaves before its end then
COUNTED = (
    "min_new_tokens", "begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id",
    "exponential_decay_length_penalty",
)  # fmt: skip

log = logging.getLogger(__name__)

Row = tuple[str, list[int]]  # key and prompt tokens
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Sampling:
    """Decoding settings: temperature 0 is greedy; ``seed`` matters only above 0.

    The answer ends before the first text of ``stop``. The ``repetition_penalty`` (Keskar et al.
    2019) applies to generated tokens, not to the prompt's: an answer should use the prompt's terms.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 1
    stop: Sequence[str] = ()
    repetition_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Generated:
    """One answer: its text, its tokens without the end token, and whether it hit the limit."""

    text: str
    new_tokens: int
    truncated: bool


def room_for(config: Any, max_new_tokens: int) -> tuple[int | None, int]:
    """Maximum of prompt and of new tokens: the prompt keeps at least half of a small context."""
    context = context_of(config)
    if context is None:
        return None, max_new_tokens
    new = min(max_new_tokens, max(context // 2, 1))
    return context - new, new


def generate(
    model: Any,
    tokenizer: Any,
    batch: list[Row],
    sampling: Sampling,
    hear: Callable[[str], bool] | None = None,
) -> list[Generated]:
    """Generate an answer for every row of a batch; a batch too large for memory is halved.

    Prompts are no longer than :func:`room_for` allows. ``hear`` receives the growing answer to a
    single row, and returns whether to continue.

    Raises:
        PapertuneError: memory does not hold even one row.
    """
    return _halving(lambda some: _generate(model, tokenizer, some, sampling, hear=hear), batch)


def answers(
    model: Any,
    tokenizer: Any,
    batch: list[tuple[str, Encoded]],
    sampling: Sampling,
    known: Mapping[str, Generated] | None = None,
) -> list[tuple[Generated, tuple[float, int]]]:
    """Both :func:`generate` and :func:`reference_nll` for each row of a batch.

    The prompts are read once for both. Rows in ``known`` already have their answer. Raises as
    :func:`generate` does.
    """

    def both(some: list[tuple[str, Encoded]]) -> list[tuple[Generated, tuple[float, int]]]:
        made = dict(known or {})
        rows = [(key, prompt) for key, (prompt, _) in some if key not in made]
        read = None
        if rows:
            if len(rows) == len(some):
                read = _shared(model, tokenizer, [prompt for _, prompt in rows], whole=True)
            wrote = _generate(model, tokenizer, rows, sampling, read)
            made |= {key: one for (key, _), one in zip(rows, wrote, strict=True)}
        told = reference_nll(model, tokenizer, [one for _, one in some], read)
        return [(made[key], one) for (key, _), one in zip(some, told, strict=True)]

    return _halving(both, batch)


def _halving(work: Callable[[list[Any]], list[Done]], batch: list[Any]) -> list[Done]:
    import torch

    try:
        return work(batch)
    except torch.cuda.OutOfMemoryError:
        if len(batch) == 1:
            raise PapertuneError(
                "the GPU's memory does not hold one prompt",
                hint="take a smaller model, a shorter prompt or a larger GPU",
            ) from None
    # outside the handler, whose traceback would keep the batch's memory alive
    torch.cuda.empty_cache()
    half = (len(batch) + 1) // 2
    log.warning("out of GPU memory with %d rows; continuing with %d", len(batch), half)
    return _halving(work, batch[:half]) + _halving(work, batch[half:])


def _shared(model: Any, tokenizer: Any, prompts: list[list[int]], whole: bool = False) -> Any:
    from papertune.answering.prefixes import shared

    return shared(model, tokenizer.pad_token_id, prompts, whole=whole)


def _generate(
    model: Any,
    tokenizer: Any,
    batch: list[Row],
    sampling: Sampling,
    read: Any = None,
    hear: Callable[[str], bool] | None = None,
) -> list[Generated]:
    """Generate one batch; ``read`` is the prompts' shared prefix, if it has been read already."""
    import torch
    from transformers import (
        GenerationConfig,
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        StoppingCriteriaList,
    )

    from papertune.answering import prefixes

    _, new = room_for(model.config, sampling.max_new_tokens)
    pad, prompts = tokenizer.pad_token_id, [row for _, row in batch]
    ids, mask, _ = prefixes.padded(prompts, pad, model.device)
    read = read or prefixes.shared(model, pad, prompts)
    cache = None  # a single row shares no prefix, and is not removed before it ends
    if (read or len(batch) > 1) and prefixes.able(model, pad):
        cache = read.cache(prompts, room=new) if read else prefixes.cache_with(new)
    start, ends = ids.shape[1], end_tokens(model, tokenizer)
    noise, until, own = LogitsProcessorList(), StoppingCriteriaList(), model.generation_config
    if sampling.repetition_penalty != 1:
        noise.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty, start))
    elif (penalty := float(own.repetition_penalty or 1)) != 1:
        noise.append(own_penalty(penalty, pad))
    if sampling.stop:
        until.append(stops_at(sampling.stop, tokenizer, start))
    if hear is not None:
        until.append(told_to(hear, tokenizer, start))
    if sampling.temperature > 0:
        sampler = row_sampler([key for key, _ in batch], sampling, model.device)
        noise.append(sampler)
    config = GenerationConfig(
        max_new_tokens=new, do_sample=False, num_beams=1, use_cache=True, repetition_penalty=1.0,
        pad_token_id=pad, eos_token_id=sorted(ends) or None,
    )  # fmt: skip
    # rows that end before others are padded
    ends |= {pad} if sampling.stop else set()
    steps = new if cache is None or any(getattr(own, name, None) for name in COUNTED) else STEPS
    left, found = list(range(len(batch))), [Generated("", 0, True)] * len(batch)
    while True:
        done = ids.shape[1] - start
        config.max_new_tokens = min(steps, new - done)
        with torch.inference_mode():
            ids = model.generate(
                input_ids=ids, attention_mask=mask, generation_config=config,
                logits_processor=noise, stopping_criteria=until,
                **({} if cache is None else {"past_key_values": cache}),
            )  # fmt: skip
        for row, tokens in zip(left, ids[:, start:].tolist(), strict=True):
            found[row] = _read_answer(tokenizer, tokens, ends, sampling.stop)
        going = [place for place, row in enumerate(left) if found[row].truncated]
        if cache is None or not going or ids.shape[1] - start >= new:
            break
        mask = torch.nn.functional.pad(mask, (0, ids.shape[1] - mask.shape[1]), value=1)
        if len(going) < len(left):
            left, places = [left[place] for place in going], torch.tensor(going, device=ids.device)
            ids, mask = ids[places], mask[places]
            cache.batch_select_indices(places)
            if sampling.temperature > 0:
                sampler.keep(going)
    return found


def _read_answer(
    tokenizer: Any, tokens: list[int], ends: set[int], stop: Sequence[str] = ()
) -> Generated:
    """Cut an answer at its end token or stop text; without either it hit the token limit."""
    length = next((i for i, token in enumerate(tokens) if token in ends), len(tokens))
    whole = tokenizer.decode(tokens[:length], skip_special_tokens=True)
    text = before_any(whole, stop)
    return Generated(text, length, truncated=length == len(tokens) and text == whole)


def reference_nll(
    model: Any, tokenizer: Any, examples: list[Encoded], read: Any = None
) -> list[tuple[float, int]]:
    """Negative log-likelihood of each completion given its prompt.

    The completion's tokens count, the end token after it does not: perplexity then covers the
    answer's words and can be compared between models that end differently. ``read`` is the prompts'
    shared prefix, if it has been read already.

    Returns:
        For each row, the sum over the completion's tokens in nats, and their number.
    """
    import torch

    rows = _fitted(model, tokenizer, examples)
    read = read or _shared(model, tokenizer, [tokens[: len(tokens) - n] for tokens, n in rows])
    most = LOGITS // model.config.get_text_config().vocab_size
    results: list[tuple[float, int]] = []
    while rest := rows[len(results) :]:
        # as many rows as the limit on logits allows
        longest = accumulate((count + 1 for _, count in rest), max)
        fitting = takewhile(lambda held: held[0] * held[1] <= most, enumerate(longest, start=1))
        some = rest[: max(1, sum(1 for _ in fitting))]
        with torch.inference_mode():
            logits, targets = _logits(model, tokenizer, some, read, len(results))
            losses = torch.nn.functional.cross_entropy(
                logits.float().transpose(1, 2), targets, reduction="none"
            )
        results += [
            (float(one[len(one) - count :].double().sum()), count)
            for one, (_, count) in zip(losses, some, strict=True)
        ]
    return results


def predicted(model: Any, tokenizer: Any, examples: list[Encoded]) -> list[list[int]]:
    """The most likely token at each position of each completion, given all tokens before it.

    The tokens before a position are those of the completion, not the model's own (teacher forcing).
    Arguments as in :func:`reference_nll`.
    """
    rows = _fitted(model, tokenizer, examples)
    logits, _ = _logits(model, tokenizer, rows)
    found: list[list[int]] = logits.argmax(-1).tolist()
    return [found[row][len(found[row]) - count :] for row, (_, count) in enumerate(rows)]


def _fitted(model: Any, tokenizer: Any, examples: list[Encoded]) -> list[tuple[list[int], int]]:
    """Tokens of prompt and completion, and how many of them belong to the completion.

    A completion too long for the context after its prompt is cut at the end.
    """
    context = context_of(model.config)
    rows = []
    for prompt, completion in examples:
        # the first token is given, not predicted
        before = prompt or [tokenizer.bos_token_id or tokenizer.pad_token_id]
        own = completion[: context - len(before)] if context else completion
        rows.append((before + own, len(own)))
    return rows


def _logits(
    model: Any, tokenizer: Any, rows: list[tuple[list[int], int]], read: Any = None, first: int = 0
) -> tuple[Any, Any]:
    """Logits (rows, positions, vocabulary) that predict the last positions, and their tokens.

    Rows continue from their shared prefix ``read``, in which ``first`` is the first row's index.
    """
    import torch

    from papertune.answering import prefixes

    texts = [tokens for tokens, _ in rows]
    ids, mask, positions = prefixes.padded(texts, tokenizer.pad_token_id, model.device)
    keep = max(count for _, count in rows) + 1
    cache = read.cache(texts, first, least=keep) if read else None
    done = cache.get_seq_length() if cache else 0
    with torch.inference_mode():
        only = {"logits_to_keep": keep} if takes(model, "logits_to_keep") else {}
        logits = model(
            input_ids=ids[:, done:], attention_mask=mask, position_ids=positions[:, done:],
            past_key_values=cache, use_cache=cache is not None, **only,
        ).logits[:, -keep:]  # fmt: skip
    return logits[:, :-1], ids[:, -keep + 1 :] if keep > 1 else ids[:, :0]
