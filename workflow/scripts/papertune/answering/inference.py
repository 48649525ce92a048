"""A model answers the questions of a test set, and says how likely the reference answers are."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from papertune.answering.batching import batches, rows_at_once
from papertune.answering.conversations import answer_by_turns, deepest
from papertune.answering.generation import Generated, Sampling, answers, room_for
from papertune.answering.kept import Kept, answer_of, key_of
from papertune.errors import PapertuneError, ServerError
from papertune.examples.forms import Form
from papertune.examples.prompts import Fit
from papertune.examples.tokens import Encoded
from papertune.jobs import distributed
from papertune.jobs.progress import progress
from papertune.jobs.workers import deal, run_shards
from papertune.models.loading import load_config, load_model, load_tokenizer, set_up_torch
from papertune.pairfile import read_pairs, read_pairs_at
from papertune.records import write_records
from papertune.store import Store
from papertune.study import versions
from papertune.study.settings import Answering

# a question's key, where it stands in the test set, and tokens of its prompt
Place = tuple[str, int, int]

log = logging.getLogger(__name__)


class Task(BaseModel):
    """Which questions which model is asked, and how; other processes get it as JSON."""

    model_config = ConfigDict(frozen=True)

    model: Path  # a model folder, or an adapter's
    base: Path | None = None  # the folder of the adapter's base
    test_set: Path  # file of pairs
    prompt: str  # the text of the prompt template that training used
    asked: str = "prompt"  # in which form, see papertune.examples.forms.Form
    answering: Answering  # its batch size changes no answer

    def identity(self, model: dict[str, Any]) -> dict[str, Any]:
        """What an answer depends on, beside the question."""
        # how many are drawn changes none of them
        once = self.answering.model_copy(update={"samples": 1})
        how = {"prompt": self.prompt, "answering": once.identity()}
        whole = {"model": model, **how, "version": versions.ANSWER}
        return whole if self.asked == "prompt" else whole | {"asked": self.asked}

    def form(self) -> Form:
        """How the model is asked; an adapter's folder may leave the tokenizer to its base."""
        own = self.base is None or (self.model / "tokenizer_config.json").exists()
        tokenizer = load_tokenizer(self.model if own or self.base is None else self.base)
        return Form(tokenizer, self.asked, self.prompt)

    @property
    def sampling(self) -> Sampling:
        """How answers are written."""
        return Sampling(self.answering.max_new_tokens, self.answering.temperature)

    def read(self, form: Form, places: Iterable[int], fit: Fit) -> Iterator[Encoded]:
        """The tokens of the questions and reference answers at places of the test set."""
        return form.tokens(read_pairs_at(self.test_set, places), fit)

    def fit(self, config: Any) -> Fit:
        """How long prompts for a model of a configuration may be."""
        room, _ = room_for(config, self.answering.max_new_tokens)
        return Fit(room, 0)


def answer(
    task: Task,
    *,
    output: Path,
    store: Path,
    identity: dict[str, Any],
    threads: int = 1,
    shards: int = 1,
) -> int:
    """Answer every question of a test set; returns how many the model was asked: the store has the others.

    Those of a conversation are asked one after another, each after the model's own answers.

    Args:
        output: File of answers, in the order of the test set.
        identity: What the model depends on; prompt and decoding are added here.
        shards: Processes of this job that answer, each with a model of its own.

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
    """Answer every question as it stands in the file, with what it says was said before.

    Where they are ``later`` turns it is no error that the model has room for none of them.
    """
    # places in the file, never its texts: memory does not grow with what is asked about
    placed, about = [], {}
    for place, pair in enumerate(read_pairs(task.test_set)):
        key = key_of(task.prompt, pair)
        placed.append((key, place))
        about[key] = pair.document
    if not placed:
        raise PapertuneError("the test set has no pairs", where=str(task.test_set))
    whole = task.identity(identity)
    finished = Store(store, "answer", whole, Kept)
    missing = set(finished.missing([key for key, _ in placed]))
    log.info("asked %d questions, %d from the store", len(missing), len(placed) - len(missing))
    if missing:
        set_up_torch(threads)
        form = task.form()
        todo, unfit = cut_batches(task, form, dict(placed), missing, about, shards, later)
        finished.add({key: asdict(Kept("", 0, False, 0.0, 0, "too_long")) for key in unfit})
        work: dict[str, Any] = {
            "task": task.model_dump(mode="json"), "store": str(store), "identity": whole,
            "threads": threads,
        }  # fmt: skip
        parts = deal(todo, shards)
        if len(parts) > 1:
            run_shards(answer_batches, parts, **work)
        elif todo:  # there may be only some that cannot be asked
            answer_batches(todo, form=form, **work)
        finished.read_again()
    answered = ((pair, key, finished.get(key)) for pair, (key, _) in zip(
        read_pairs(task.test_set), placed, strict=True
    ))  # fmt: skip
    if (several := task.answering.samples) == 1:
        write_records(output, (answer_of(pair, **told) for pair, _, told in answered))
        return len(missing)
    from papertune.answering.samples import draw, sample_key  # which asks as this module does

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


def cut_batches(
    task: Task,
    form: Form,
    places: dict[str, int],
    missing: set[str],
    about: dict[str, str],
    shards: int,
    later: bool = False,
) -> tuple[list[list[Place]], set[str]]:
    """The batches of what is missing, each question with its place in the test set; and which of
    it cannot be asked, as the model has no room for it.

    They are cut from the whole test set, so that a resumed run has those of an unbroken one.
    Questions ``about`` the same document stand together.
    """
    config = load_config(task.model, base=task.base)
    fit = task.fit(config)
    read = enumerate(zip(places, task.read(form, places.values(), fit), strict=True))
    lengths = [(key, len(tokens)) for n, (key, (tokens, _)) in read if n not in fit.unfit]
    unasked = "have no room without any context, too: they are not asked and count as empty answers"
    lost = "lose the end of their context", "lose the oldest turns of their conversation"
    for some, what in (*zip((fit.cut, fit.forgot), lost, strict=True), (fit.unfit, unasked)):
        if some:
            told = "%d of %d prompts are longer than %s tokens and %s"
            log.warning(told, len(some), len(places), fit.most, what)
    if not lengths and not later:
        what = f"the model has room for {fit.most} tokens, and no question fits"
        hint = "take a base with a longer context, a shorter prompt or a smaller max_new_tokens"
        raise PapertuneError(what, where=str(task.test_set), hint=hint)
    folders = [folder for folder in (task.model, task.base) if folder]
    share = len(lengths) // shards if shards > 1 else None
    how = task.answering
    size = rows_at_once(how.batch_size, config, how.max_new_tokens, folders, share)
    cut = (
        [(key, places[key], length) for key, length in batch if key in missing]
        for batch in batches(lengths, size, length=int, about=about.__getitem__)
    )
    unfit = {key for n, key in enumerate(places) if n in fit.unfit}
    return [batch for batch in cut if batch], unfit & missing


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
    """Answer batches into the store: what one process of :func:`answer` does.

    Where it is that of the task itself, it has its ``form`` already.
    """
    finished, settings = Store(store, "answer", identity, Kept), Task.model_validate(task)
    set_up_torch(threads)
    form, served = form or settings.form(), None
    if settings.answering.engine == "server":
        served = Store(store, "served", identity, Generated)
        ask_server(settings, form, todo, served, threads)
    model = load_model(settings.model, base=settings.base)
    what = f"tokens of {sum(map(len, todo))} questions, up to {max(map(len, todo))} at once"
    # of rows that are padded: a few long questions take as long as many short ones
    for batch in progress(todo, sum(map(_tokens, todo)), what, size=_tokens):
        fit = settings.fit(model.config)
        encoded = list(settings.read(form, [place for _, place, _ in batch], fit))
        rows = [(key, one) for (key, *_), one in zip(batch, encoded, strict=True)]
        known = {}
        if served is not None:
            known = {key: Generated(**served.get(key)) for key, _ in rows if key in served}
        told = answers(model, form.tokenizer, rows, settings.sampling, known)
        # likelihoods are rounded to what padding and batch size leave alone
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
    """Of a batch, each of whose rows is as long as the longest."""
    return len(batch) * max(tokens for *_, tokens in batch)


def ask_server(
    task: Task, form: Form, todo: list[list[Place]], finished: Store, threads: int
) -> None:
    """Have a model server answer each question, but those that cannot be sent to it as they are.

    Raises:
        Interrupted: the job was asked to stop; what came is in the store.
        ServerError: there is no server, or it gave no answer to some.
    """
    from papertune.answering.served import Writer, opened  # with what it asks by
    from papertune.models.whole import penalty_of

    places = {key: place for batch in todo for key, place, _ in batch}
    missing, config = finished.missing(places), load_config(task.model, base=task.base)
    unsent, failed = set[str](), list[str]()

    def stored(batches: Iterable[dict[str, Generated | str | None]]) -> Iterator[str]:
        for batch in batches:
            written = {key: one for key, one in batch.items() if isinstance(one, Generated)}
            finished.add({key: asdict(one) for key, one in written.items()})
            unsent.update(key for key, one in batch.items() if one is None)
            failed.extend(one for one in batch.values() if isinstance(one, str))
            yield from batch

    if missing:
        read = task.read(form, (places[key] for key in missing), task.fit(config))
        rows = ((key, tokens) for key, (tokens, _) in zip(missing, read, strict=True))
        _, most = room_for(config, task.answering.max_new_tokens)
        with opened(task.answering, task.model, task.base, threads) as (server, name):
            asked = (form.tokenizer, task.sampling, most, task.answering)
            writer = Writer(server, name, *asked, penalty_of(task.base or task.model, config))
            came = stored(writer(rows))
            for _ in progress(came, len(missing), "questions of the server"):
                pass
    if failed:
        hint = "give the server more context or time, or set a smaller concurrency"
        what = f"{len(failed)} of {len(missing)} questions have no answer: {failed[0]}"
        raise ServerError(what, where="answering", hint=f"{hint}; the others are kept")
    if unsent:
        told = (
            "%d questions have what the server would read otherwise: the job's engine answers them"
        )
        log.warning(told, len(unsent))
