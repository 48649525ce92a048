"""Further sampled answers to the same questions; the first sample is the answer itself.

Each has its own seed, from the question and the sample's number, so that raising their number
keeps the existing samples.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from papertune.answering.generation import Generated, generate
from papertune.answering.task import Place, Task, cut_batches, from_server, work_on
from papertune.examples.forms import Form
from papertune.jobs import distributed
from papertune.jobs.progress import progress
from papertune.models.loading import load_model, set_up_torch
from papertune.store import Store

STAGE = "samples"  # of the store


def draw(
    task: Task,
    places: Mapping[str, int],
    about: Mapping[str, str],
    *,
    store: Path,
    identity: dict[str, Any],
    threads: int = 1,
    shards: int = 1,
) -> Store:
    """Draw those samples, except the first of each question, that the store lacks.

    Args:
        places: Key → row in the test set, of the questions that can be asked.
        about: Key → document.
        identity: What an answer depends on.

    Returns:
        The store of the samples, keyed by :func:`sample_key`.

    Raises:
        Interrupted: the job was asked to stop; finished batches are in the store.
    """
    drawn = Store(store, STAGE, identity, Generated)
    keys = {sample_key(key, n): key for key in places for n in range(1, task.answering.samples)}
    if missing := set(drawn.missing(keys)):
        set_up_torch(threads)
        form = task.form()
        stand = {key: places[question] for key, question in keys.items()}
        of = {key: about[question] for key, question in keys.items()}
        todo, _ = cut_batches(task, form, stand, missing, of, shards)
        work_on(
            draw_batches, todo, task=task, form=form, store=store, shards=shards,
            identity=identity, threads=threads,
        )  # fmt: skip
        drawn.read_again()
    return drawn


def sample_key(question: str, number: int) -> str:
    """The key of a question's sample; the first, number 0, is the answer itself."""
    return f"{question}:{number}"


@distributed.shared
def draw_batches(
    todo: list[list[Place]],
    *,
    task: dict[str, Any],
    store: str,
    identity: dict[str, Any],
    threads: int,
    form: Form | None = None,
) -> None:
    """Draw batches of samples into the store: the work of one process of :func:`draw`."""
    drawn, settings = Store(store, STAGE, identity, Generated), Task.model_validate(task)
    set_up_torch(threads)
    form, model = form or settings.form(), None
    written = from_server(settings, form, todo, store=store, identity=identity, threads=threads)
    for batch in progress(todo, sum(map(len, todo)), "further samples", size=len):
        made = written(key for key, *_ in batch)
        left = [place for place in batch if place[0] not in made]
        if left:
            model = model or load_model(settings.model, base=settings.base)
            fit = settings.fit(model.config)
            read = settings.read(form, [place for _, place, _ in left], fit)
            rows = [(key, prompt) for (key, *_), (prompt, _) in zip(left, read, strict=True)]
            wrote = generate(model, form.tokenizer, rows, settings.sampling)
            made |= {key: one for (key, _), one in zip(rows, wrote, strict=True)}
        drawn.add(
            {key: asdict(replace(one, text=form.said(one.text))) for key, one in made.items()}
        )
