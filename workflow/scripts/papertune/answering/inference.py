"""A model answers the questions of a test set, and says how likely the reference answers are."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from papertune import versions
from papertune.answering.generation import Generated, Row, Sampling, batches, generate, room_for
from papertune.answering.likelihood import reference_nll
from papertune.errors import PapertuneError
from papertune.examples.forms import Form
from papertune.identity import digest
from papertune.jobs import stopping
from papertune.jobs.progress import progress
from papertune.jobs.workers import deal, run_shards
from papertune.models.loading import load_config, load_model, load_tokenizer, set_up_torch
from papertune.records import Answer, Pair, read_at, read_placed, read_records, write_records
from papertune.store import Store
from papertune.study.prompts import answer_prompt
from papertune.study.settings import Answering

Place = tuple[str, int]  # a question's key and where it stands in the test set

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
    asked: str = "prompt",
    threads: int = 1,
    shards: int = 1,
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
        asked: In which form, see :class:`papertune.examples.forms.Form`.
        threads: CPU threads of this job.
        shards: Processes of this job that answer, each with a model of its own.

    Returns:
        How many questions the model was asked; the others were in the store.

    Raises:
        Interrupted: the job was asked to stop; finished batches are in the store.
        PapertuneError: the test set is empty, or the model cannot be loaded.
    """
    # places in the file, never its texts: memory does not grow with what is asked about
    offsets, keys = [], []
    for offset, pair in read_placed(test_set, Pair):
        offsets.append(offset)
        keys.append(digest([answer_prompt(prompt, pair), pair.answer]))
    if not keys:
        raise PapertuneError("the test set has no pairs", where=str(test_set))
    whole = {
        "model": identity,
        "prompt": prompt,
        "answering": answering.identity(),
        "version": versions.ANSWER,
    }
    if asked != "prompt":  # older answers stay
        whole["asked"] = asked
    finished = Store(store, "answer", whole)
    missing = set(finished.missing(keys))
    log.info("asked %d questions, %d from the store", len(missing), len(keys) - len(missing))
    if missing:
        set_up_torch(threads)
        places = dict(zip(keys, offsets, strict=True))
        todo = _cut(model, base, test_set, prompt, asked, places, missing, answering)
        work: dict[str, Any] = {
            "model": str(model),
            "base": str(base) if base else None,
            "test_set": str(test_set),
            "prompt": prompt,
            "asked": asked,
            "answering": answering.model_dump(mode="json"),
            "store": str(store),
            "identity": whole,
        }
        parts = deal(todo, shards)
        if len(parts) > 1:
            run_shards(answer_batches, parts, threads=threads, **work)
        else:
            answer_batches(todo, threads=threads, **work)
        finished.read_again()
    write_records(
        output,
        (
            _record(pair, finished.get(key))
            for pair, key in zip(read_records(test_set, Pair), keys, strict=True)
        ),
    )
    return len(missing)


def _cut(
    model: Path,
    base: Path | None,
    test_set: Path,
    prompt: str,
    asked: str,
    places: dict[str, int],
    missing: set[str],
    answering: Answering,
) -> list[list[Place]]:
    """The batches of what is missing, each question with its place in the test set.

    They are cut from the whole test set, so that a resumed run has those of an unbroken one.
    """
    form = Form(_tokenizer(model, base), asked, prompt)
    lengths = [(key, len(tokens)) for (key, tokens), _ in _read(form, test_set, places.items())]
    room, _ = room_for(load_config(model, base=base), answering.max_new_tokens)
    long = sum(room is not None and length > room for _, length in lengths)
    if long:
        log.warning(
            "%d of %d prompts are longer than %s tokens and lose their beginning",
            long,
            len(lengths),
            room,
        )
    cut = (
        [(key, places[key]) for key, _ in batch if key in missing]
        for batch in batches(lengths, answering.batch_size, length=int)
    )
    return [batch for batch in cut if batch]


def answer_batches(
    todo: list[list[Place]],
    *,
    model: str,
    base: str | None,
    test_set: str,
    prompt: str,
    asked: str,
    answering: dict[str, Any],
    store: str,
    identity: dict[str, Any],
    threads: int,
) -> None:
    """Answer batches into the store: what one process of :func:`answer` does."""
    finished = Store(store, "answer", identity)
    settings = Answering.model_validate(answering)
    set_up_torch(threads)
    folder, below = Path(model), Path(base) if base else None
    tokenizer = _tokenizer(folder, below)
    form = Form(tokenizer, asked, prompt)
    loaded = load_model(folder, base=below)
    sampling = Sampling(settings.max_new_tokens, settings.temperature)
    stopping.check()
    what = f"batches of up to {max(map(len, todo))} questions"
    for batch in progress(todo, len(todo), what):
        asked_and_reference = list(_read(form, Path(test_set), batch))
        rows = [row for row, _ in asked_and_reference]
        written = generate(loaded, tokenizer, rows, sampling)
        likelihoods = reference_nll(
            loaded, tokenizer, [(tokens, text) for (_, tokens), text in asked_and_reference]
        )
        finished.add(_values(rows, written, likelihoods))


def _read(form: Form, test_set: Path, places: Iterable[Place]) -> Iterator[tuple[Row, str]]:
    """The prompt's tokens and the completion of each question, as the model reads them."""
    places = list(places)
    pairs = read_at(test_set, Pair, (offset for _, offset in places))
    for (key, _), pair in zip(places, pairs, strict=True):
        yield (key, question_tokens(form, pair)), form.completion(pair)


def question_tokens(form: Form, pair: Pair) -> list[int]:
    """The tokens before the answer, exactly as training sees them (``variants.read_examples``)."""
    tokens = form.tokenizer(form.prompt(pair), add_special_tokens=False)["input_ids"]
    return [*form.start, *tokens]


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


def _values(
    batch: list[Row], written: list[Generated], likelihoods: list[tuple[float, int]]
) -> dict[str, Any]:
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


def _tokenizer(model: Path, base: Path | None) -> Any:
    own = base is None or (model / "tokenizer_config.json").exists()
    return load_tokenizer(model if own or base is None else base)
