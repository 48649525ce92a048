"""A model answers the questions of a test set, and says how likely the reference answers are."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from papertune import versions
from papertune.errors import PapertuneError
from papertune.generation import (
    Row,
    Sampling,
    batches,
    context_of,
    generate,
    left_padded,
    room_for,
)
from papertune.identity import digest
from papertune.progress import progress
from papertune.prompts import answer_prompt, completion
from papertune.records import Answer, Pair, read_at, read_placed, read_records, write_records
from papertune.settings import Answering
from papertune.store import Store

LOGITS = 2**27  # most logits held at once while references are scored: 0.5 GB in fp32

log = logging.getLogger(__name__)


def answer(
    *,
    model: Path,
    base: Path | None,
    test_set: Path,
    prompt: str,
    answering: Answering,
    output: Path,
    store: Path,
    identity: dict[str, Any],
    threads: int = 1,
) -> int:
    """Answer every question of a test set.

    Args:
        model: A model folder, or an adapter's with ``base``.
        base: The folder of the adapter's base.
        test_set: File of pairs.
        prompt: The text of the prompt template that training used.
        answering: Decoding; its batch size changes no answer.
        output: File of answers, in the order of the test set.
        store: The store's root.
        identity: What the model depends on; prompt and decoding are added here.
        threads: CPU threads of this job.

    Returns:
        How many questions the model was asked; the others were in the store.

    Raises:
        PapertuneError: the test set is empty, or the model cannot be loaded.
    """
    # places in the file, never its texts: memory does not grow with what is asked about
    offsets, keys = [], []
    for offset, pair in read_placed(test_set, Pair):
        offsets.append(offset)
        keys.append(digest([answer_prompt(prompt, pair), pair.answer]))
    if not keys:
        raise PapertuneError("the test set has no pairs", where=str(test_set))
    finished = Store(
        store,
        "answer",
        {
            "model": identity,
            "prompt": prompt,
            "answering": answering.identity(),
            "version": versions.ANSWER,
        },
    )
    missing = set(finished.missing(keys))
    log.info("asked %d questions, %d from the store", len(missing), len(keys) - len(missing))
    if missing:
        job = _Job(model, base, answering, threads)
        questions = _Questions(test_set, prompt, dict(zip(keys, offsets, strict=True)))
        _answer_missing(job, questions, missing, finished, answering.batch_size)
    write_records(
        output,
        (
            _record(pair, finished.get(key))
            for pair, key in zip(read_records(test_set, Pair), keys, strict=True)
        ),
    )
    return len(missing)


class _Questions:
    """The questions of a test set, read as the model reads them when they are asked."""

    def __init__(self, test_set: Path, prompt: str, places: dict[str, int]) -> None:
        self.test_set, self.prompt, self.places = test_set, prompt, places

    def read(self, tokenizer: Any, keys: Iterable[str]) -> Iterator[tuple[Row, str]]:
        """The prompt's tokens and the completion of each."""
        keys = list(keys)
        offsets = (self.places[key] for key in keys)
        for key, pair in zip(keys, read_at(self.test_set, Pair, offsets), strict=True):
            tokens = question_tokens(tokenizer, answer_prompt(self.prompt, pair))
            yield (key, tokens), completion(pair)


def _answer_missing(
    job: _Job, questions: _Questions, missing: set[str], finished: Store, size: int
) -> None:
    """Batches are cut from the whole test set, so that a resumed run has those of an unbroken one."""
    read = questions.read(job.tokenizer, questions.places)
    lengths = [(key, len(tokens)) for (key, tokens), _ in read]
    room, _ = room_for(job.model, job.sampling.max_new_tokens)
    long = sum(room is not None and length > room for _, length in lengths)
    if long:
        log.warning(
            "%d of %d prompts are longer than %s tokens and lose their beginning",
            long,
            len(lengths),
            room,
        )
    todo = [
        [key for key, _ in batch if key in missing] for batch in batches(lengths, size, length=int)
    ]
    todo = [batch for batch in todo if batch]
    for batch in progress(todo, len(todo), f"batches of up to {size} questions"):
        rows = list(questions.read(job.tokenizer, batch))
        finished.add(job.answer([row for row, _ in rows], {row[0]: text for row, text in rows}))


def question_tokens(tokenizer: Any, prompt: str) -> list[int]:
    """The prompt's tokens exactly as training sees them (``examples.tokenize``): no specials."""
    tokens: list[int] = list(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    return tokens


def _record(pair: Pair, value: dict[str, Any]) -> Answer:
    return Answer(
        pair=pair.id,
        document=pair.document,
        year=pair.year,
        question=pair.question,
        reference=pair.answer,
        text=value["text"],
        reference_nll=value["reference_nll"],
        reference_tokens=value["reference_tokens"],
        new_tokens=value["new_tokens"],
        truncated=value["truncated"],
    )


class _Job:
    """The loaded model and how it answers."""

    def __init__(self, model: Path, base: Path | None, answering: Answering, threads: int) -> None:
        from papertune.loading import load_model, load_tokenizer, set_up_torch

        set_up_torch(threads)
        own = base is None or (model / "tokenizer_config.json").exists()
        self.tokenizer = load_tokenizer(model if own or base is None else base)
        self.model = load_model(model, base=base)
        self.sampling = Sampling(answering.max_new_tokens, answering.temperature)

    def answer(self, batch: list[Row], references: dict[str, str]) -> dict[str, Any]:
        """The store values of one batch."""
        written = generate(self.model, self.tokenizer, batch, self.sampling)
        likelihoods = reference_nll(
            self.model, self.tokenizer, [(tokens, references[key]) for key, tokens in batch]
        )
        return {
            key: {
                "text": one.text.strip(),
                "new_tokens": one.new_tokens,
                "truncated": one.truncated,
                # rounded to what padding and batch size leave alone
                "reference_nll": round(nll, 3),
                "reference_tokens": count,
            }
            for (key, _), one, (nll, count) in zip(batch, written, likelihoods, strict=True)
        }


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
    rows = [_example(model, tokenizer, tokens, text) for tokens, text in examples]
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


def _example(model: Any, tokenizer: Any, prompt: list[int], text: str) -> tuple[list[int], int]:
    """Tokens of prompt and completion, and how many are the completion's; cut to the context."""
    own = tokenizer(text, add_special_tokens=False)["input_ids"]
    context = context_of(model)
    if context is not None:
        own = own[: context - 1]
        prompt = prompt[max(0, len(prompt) + len(own) - context) :]
    if not prompt:  # the first token is given, not predicted
        prompt = [tokenizer.bos_token_id or tokenizer.pad_token_id]
    return prompt + own, len(own)


def _nll(model: Any, tokenizer: Any, rows: list[tuple[list[int], int]]) -> list[tuple[float, int]]:
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
        targets = ids[:, -keep + 1 :] if keep > 1 else ids[:, :0]
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].float().transpose(1, 2), targets, reduction="none"
        )
    return [
        (float(losses[row, losses.shape[1] - count :].double().sum()), count)
        for row, (_, count) in enumerate(rows)
    ]
