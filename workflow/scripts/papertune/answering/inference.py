"""Answer the questions of a test set, with the likelihood of the reference answers."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from papertune.answering.conversations import answer_by_turns, deepest
from papertune.answering.generation import answers
from papertune.answering.kept import Kept, answer_of, key_of
from papertune.answering.samples import draw, sample_key
from papertune.answering.task import Place, Task, cut_batches, from_server, work_on
from papertune.errors import PapertuneError
from papertune.examples.forms import Form
from papertune.jobs import distributed
from papertune.jobs.progress import progress
from papertune.models.loading import load_model, set_up_torch
from papertune.pairfile import read_pairs
from papertune.records import write_records
from papertune.store import Store

log = logging.getLogger(__name__)


def answer(
    task: Task,
    *,
    output: Path,
    store: Path,
    identity: dict[str, Any],
    threads: int = 1,
    shards: int = 1,
) -> int:
    """Answer every question of a test set; returns how many were not yet in the store.

    The turns of a conversation are asked in order, each after the model's own earlier answers.

    Args:
        output: File of answers, in the order of the test set.
        identity: What the model depends on; prompt and decoding are added here.
        shards: Processes of this job that answer, each with its own copy of the model.

    Raises:
        Interrupted: the job was asked to stop; finished batches are in the store.
        PapertuneError: the test set is empty, or the model cannot be loaded.
    """
    how: dict[str, Any] = {"store": store, "identity": identity}
    how |= {"threads": threads, "shards": shards}
    if not deepest(task.test_set):
        return _answer_each(task, output=output, **how)

    def one_turn(pairs: Path, answers: Path, turn: int) -> int:
        part = task.model_copy(update={"test_set": pairs})
        return _answer_each(part, output=answers, **how, later=turn > 0)

    return answer_by_turns(task.test_set, output, one_turn)


def _answer_each(
    task: Task,
    *,
    output: Path,
    store: Path,
    identity: dict[str, Any],
    threads: int,
    shards: int,
    later: bool = False,
) -> int:
    """Answer every question of a file as it is, with the earlier turns that the file has.

    For ``later`` turns it is not an error if none of them fits into the model's context.
    """
    # row numbers, never texts: memory does not grow with the documents
    placed, about = [], {}
    for place, pair in enumerate(read_pairs(task.test_set)):
        key = key_of(task.prompt, pair)
        placed.append((key, place))
        about[key] = pair.document
    if not placed:
        hint = "its generator's log, and its pairs in the folder rejected, say why none was kept"
        raise PapertuneError("the test set has no pairs", where=str(task.test_set), hint=hint)
    whole = task.identity(identity)
    finished = Store(store, "answer", whole, Kept)
    missing = set(finished.missing([key for key, _ in placed]))
    log.info("asked %d questions, %d from the store", len(missing), len(placed) - len(missing))
    if missing:
        set_up_torch(threads)
        form = task.form()
        todo, unfit = cut_batches(task, form, dict(placed), missing, about, shards, later)
        finished.add({key: asdict(Kept("", 0, False, 0.0, 0, "too_long")) for key in unfit})
        work_on(
            answer_batches, todo, task=task, form=form, store=store, shards=shards,
            identity=whole, threads=threads,
        )  # fmt: skip
        finished.read_again()
    answered = ((pair, key, finished.get(key)) for pair, (key, _) in zip(
        read_pairs(task.test_set), placed, strict=True
    ))  # fmt: skip
    if (several := task.answering.samples) == 1:
        write_records(output, (answer_of(pair, **told) for pair, _, told in answered))
        return len(missing)
    asked = {key: place for key, place in placed if finished.get(key)["prompt"] != "too_long"}
    how: dict[str, Any] = {"threads": threads, "shards": shards}
    drawn = draw(task, asked, about, store=store, identity=whole, **how)

    def samples(key: str, first: str) -> list[str]:
        if key not in asked:
            return [first] * several
        return [first, *(drawn.get(sample_key(key, n))["text"] for n in range(1, several))]

    write_records(output, (
        answer_of(pair, **told, samples=samples(key, told["text"])) for pair, key, told in answered
    ))  # fmt: skip
    return len(missing)


@distributed.shared
def answer_batches(
    todo: list[list[Place]],
    *,
    task: dict[str, Any],
    store: str,
    identity: dict[str, Any],
    threads: int,
    form: Form | None = None,
) -> None:
    """Answer batches into the store: the work of one process of :func:`answer`.

    ``form`` is given if the calling process has loaded it already.
    """
    finished, settings = Store(store, "answer", identity, Kept), Task.model_validate(task)
    set_up_torch(threads)
    form = form or settings.form()
    written = from_server(settings, form, todo, store=store, identity=identity, threads=threads)
    model = load_model(settings.model, base=settings.base)
    what = f"tokens of {sum(map(len, todo))} questions, up to {max(map(len, todo))} at once"
    # tokens including padding: a few long questions take as long as many short ones
    for batch in progress(todo, sum(map(_tokens, todo)), what, size=_tokens):
        fit = settings.fit(model.config)
        encoded = list(settings.read(form, [place for _, place, _ in batch], fit))
        rows = [(key, one) for (key, *_), one in zip(batch, encoded, strict=True)]
        known = written(key for key, _ in rows)
        told = answers(model, form.tokenizer, rows, settings.sampling, known)
        # likelihoods are rounded so that padding and batch size do not change them
        finished.add({
            key: {
                "text": form.said(one.text), "new_tokens": one.new_tokens,
                "truncated": one.truncated, "reference_nll": round(nll, 3),
                "reference_tokens": count, "prompt": "cut" if n in fit.cut | fit.forgot else "whole",
                "reference_read": form.length(own[:count]) if count < len(own) else None,
            }
            for n, ((key, (_, own)), (one, (nll, count))) in enumerate(
                zip(rows, told, strict=True)
            )
        })  # fmt: skip


def _tokens(batch: list[Place]) -> int:
    """Tokens of a batch, whose rows are padded to the longest."""
    return len(batch) * max(tokens for *_, tokens in batch)
