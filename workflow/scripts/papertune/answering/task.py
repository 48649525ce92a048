"""An answering task: its questions, its batches, and the processes or server that answer them."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from papertune.answering.batching import batches, rows_at_once
from papertune.answering.generation import Generated, Sampling, room_for
from papertune.errors import PapertuneError, ServerError
from papertune.examples.forms import Form
from papertune.examples.prompts import Fit
from papertune.examples.tokens import Encoded
from papertune.jobs.progress import progress
from papertune.jobs.workers import deal, run_shards
from papertune.models.loading import load_config, load_tokenizer
from papertune.pairfile import read_pairs_at
from papertune.store import Store
from papertune.study import versions
from papertune.study.settings import Answering

# a question's key, its row in the test set, and the tokens of its prompt
Place = tuple[str, int, int]

log = logging.getLogger(__name__)


class Task(BaseModel):
    """The questions, the model, and how it is asked; passed to other processes as JSON."""

    model_config = ConfigDict(frozen=True)

    model: Path  # a model folder, or an adapter's
    base: Path | None = None  # the folder of the adapter's base
    test_set: Path  # file of pairs
    prompt: str  # the text of the prompt template that training used
    asked: str = "prompt"  # the form, see papertune.examples.forms.Form
    answering: Answering  # its batch size changes no answer

    def identity(self, model: dict[str, Any]) -> dict[str, Any]:
        """What an answer depends on, besides the question."""
        # the number of samples does not change any sample
        once = self.answering.model_copy(update={"samples": 1})
        how = {"prompt": self.prompt, "answering": once.identity()}
        whole = {"model": model, **how, "version": versions.ANSWER}
        return whole if self.asked == "prompt" else whole | {"asked": self.asked}

    def form(self) -> Form:
        """The form of the prompt; an adapter without a tokenizer uses that of its base."""
        own = self.base is None or (self.model / "tokenizer_config.json").exists()
        tokenizer = load_tokenizer(self.model if own or self.base is None else self.base)
        return Form(tokenizer, self.asked, self.prompt)

    @property
    def sampling(self) -> Sampling:
        """The decoding settings."""
        return Sampling(self.answering.max_new_tokens, self.answering.temperature)

    def read(self, form: Form, places: Iterable[int], fit: Fit) -> Iterator[Encoded]:
        """Tokens of the questions and reference answers in some rows of the test set."""
        return form.tokens(read_pairs_at(self.test_set, places), fit)

    def fit(self, config: Any) -> Fit:
        """The limits on prompt length of a model with this configuration."""
        room, _ = room_for(config, self.answering.max_new_tokens)
        return Fit(room, 0)


def cut_batches(
    task: Task,
    form: Form,
    places: dict[str, int],
    missing: set[str],
    about: dict[str, str],
    shards: int,
    later: bool = False,
) -> tuple[list[list[Place]], set[str]]:
    """Cut the missing questions into batches; also return those too long for the model.

    Batches are cut from the whole test set, so that a resumed run has the same ones as an
    uninterrupted run. Questions ``about`` the same document stay together.
    """
    config = load_config(task.model, base=task.base)
    fit = task.fit(config)
    read = enumerate(zip(places, task.read(form, places.values(), fit), strict=True))
    lengths = [(key, len(tokens)) for n, (key, (tokens, _)) in read if n not in fit.unfit]
    unasked = "do not fit even without context: they are not asked and count as empty answers"
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


def work_on(
    work: Callable[..., None],
    todo: list[list[Place]],
    *,
    task: Task,
    form: Form,
    store: Path,
    shards: int,
    **how: Any,
) -> None:
    """Work on batches in several processes, or in this one, which has loaded ``form`` already.

    Args:
        how: ``identity`` of the answers, and ``threads``, the total over all processes.
    """
    given = {"task": task.model_dump(mode="json"), "store": str(store), **how}
    parts = deal(todo, shards)
    if len(parts) > 1:
        run_shards(work, parts, **given)
    elif todo:  # empty if none of the questions can be asked
        work(todo, form=form, **given)


def from_server(
    task: Task,
    form: Form,
    todo: list[list[Place]],
    *,
    store: str,
    identity: dict[str, Any],
    threads: int,
) -> Callable[[Iterable[str]], dict[str, Generated]]:
    """Have a model server, if one is configured, answer all questions; returns key → answer.

    Questions that cannot be sent to it unchanged are left out.

    Args:
        identity: What the answers depend on.
        threads: Threads for the server.

    Raises:
        Interrupted: the job was asked to stop; answers received so far are in the store.
        ServerError: there is no server, or it left questions unanswered.
    """
    if task.answering.engine != "server":
        return lambda _: {}
    served = Store(store, "served", identity, Generated)
    _ask_server(task, form, todo, served, threads)
    return lambda keys: {key: Generated(**served.get(key)) for key in keys if key in served}


def _ask_server(
    task: Task, form: Form, todo: list[list[Place]], finished: Store, threads: int
) -> None:
    from papertune.answering.served import Writer, opened  # loads the HTTP client
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
        told = "%d questions would be read differently by the server: the job's engine answers them"
        log.warning(told, len(unsent))
