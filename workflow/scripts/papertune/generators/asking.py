"""Asking a generator about documents: every batch is in the store before the next is waited for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from papertune.generators import open_backend
from papertune.generators.offsets import Place
from papertune.generators.protocol import Backend, BatchBackend, Request, Written
from papertune.jobs import stopping
from papertune.jobs.progress import progress
from papertune.jobs.workers import deal, run_shards
from papertune.store import Store
from papertune.study.prompts import fill
from papertune.study.settings import Generator, TransformersGenerator

STAGE = "synthesize"

log = logging.getLogger(__name__)


def item_of(place: Place, attempt: int) -> str:
    """The store's key of an attempt at a document."""
    return f"{place.key}/{attempt}"


class Asking:
    """One generator, asked in this process or in several.

    Args:
        generator: Its settings.
        prompt: The text of the prompt template; empty for rules.
        backend: What writes.
        store: The store's root.
        identity: What the raw outputs depend on.
        what: Names the generator and the split in the log.
    """

    def __init__(
        self,
        generator: Generator,
        prompt: str,
        backend: Backend,
        store: Path,
        identity: dict[str, Any],
        what: str,
    ) -> None:
        self.generator, self.prompt, self.backend = generator, prompt, backend
        self.store, self.identity, self.what = store, identity, what
        self.finished = Store(store, STAGE, identity)
        self.failed: dict[str, str] = {}  # errors that the next run may not meet: not stored

    def missing(self, places: Iterable[Place], attempt: int) -> list[Place]:
        """Those that the generator was not asked about in this attempt."""
        return [place for place in places if item_of(place, attempt) not in self.finished]

    def ask(
        self,
        places: list[Place],
        attempt: int,
        *,
        folder: Path | None = None,
        threads: int = 1,
        shards: int = 1,
    ) -> None:
        """Ask about those of the places that are missing.

        Args:
            places: All documents of the attempt. Batches are cut from all of them, so that a
                resumed run has those of an unbroken one.
            attempt: Counts from 1.
            folder: Where the generator's model lies, for processes of their own.
            threads: CPU threads of this job.
            shards: Most processes that ask; only of a model that runs here.

        Raises:
            Interrupted: the job was asked to stop; finished batches are in the store.
            GeneratorError: as the backend says.
        """
        stopping.check()
        missing = {item_of(place, attempt): place for place in self.missing(places, attempt)}
        if not isinstance(self.backend, BatchBackend):
            batches = self.backend.write(self._requests(missing.values(), attempt))
            return self._keep(batches, len(missing))
        cut: Iterable[list[str]] = self.backend.cut(self._requests(places, attempt), missing)
        if shards > 1:
            cut = list(cut)
            parts = deal([[missing[key].to_json() for key in batch] for batch in cut], shards)
            if len(parts) > 1:
                run_shards(
                    write_batches,
                    parts,
                    threads=threads,
                    generator=self.generator.model_dump(mode="json"),
                    prompt=self.prompt,
                    folder=str(folder),
                    attempt=attempt,
                    store=str(self.store),
                    identity=self.identity,
                    what=self.what,
                )
                return self.finished.read_again()
        self.write(([missing[key] for key in batch] for batch in cut), attempt, len(missing))

    def write(self, batches: Iterable[list[Place]], attempt: int, count: int) -> None:
        """Ask about batches as they are, in this process; ``count`` is of their documents."""
        written = (self.backend.write(self._requests(batch, attempt)) for batch in batches)
        self._keep(chain.from_iterable(written), count)

    def _requests(self, places: Iterable[Place], attempt: int) -> Iterator[Request]:
        for place in places:
            document = place.document()
            text = ""
            if self.prompt:
                text = fill(
                    self.prompt,
                    {"title": document.title, "text": document.text, "pairs": self.generator.pairs},
                )
            yield Request(item_of(place, attempt), document, text, attempt)

    def _keep(self, batches: Iterable[list[Written]], count: int) -> None:
        for written in progress(self._stored(batches), count, self.what):
            if written.error:
                log.warning(
                    "%s: document %s: %s", self.what, written.request.document.id, written.error
                )

    def _stored(self, batches: Iterable[list[Written]]) -> Iterator[Written]:
        for batch in batches:
            items = {}
            for written in batch:
                if written.error and not written.lasting:
                    self.failed[written.request.key] = written.error
                else:
                    items[written.request.key] = _value(written)
            self.finished.add(items)
            yield from batch


def write_batches(
    batches: list[list[dict[str, Any]]],
    *,
    generator: dict[str, Any],
    prompt: str,
    folder: str,
    attempt: int,
    store: str,
    identity: dict[str, Any],
    what: str,
    threads: int,
) -> None:
    """Ask a model that runs here about batches of documents: what one process of several does."""
    settings = TransformersGenerator.model_validate(generator)
    backend = open_backend(settings, folder=Path(folder), threads=threads)
    asking = Asking(settings, prompt, backend, Path(store), identity, what)
    places = ([Place.from_json(values) for values in batch] for batch in batches)
    asking.write(places, attempt, sum(map(len, batches)))


def _value(written: Written) -> dict[str, Any]:
    if written.pairs is not None:
        return {"document": written.request.document.id, "pairs": [list(p) for p in written.pairs]}
    return {
        "document": written.request.document.id,
        "text": written.text,
        "cut": written.cut,
        "error": written.error,
    }
