"""Asking a generator about documents: every batch is in the store before the next is waited for.

What a model wrote is kept as it is (stage ``synthesize``): reading and checking can be improved
without asking again. What was kept and rejected of it is kept as well (stage ``pairs``), so that a
document is read and checked once. Each attempt at a document is one item of both. What rules write
is cheap to make again and is only in the second.
"""

import logging
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from papertune import versions
from papertune.generators import open_backend
from papertune.generators.checking import judge
from papertune.generators.documents import Place
from papertune.generators.protocol import BatchBackend, Request, Written
from papertune.jobs import stopping
from papertune.jobs.progress import progress
from papertune.jobs.workers import deal, run_shards
from papertune.store import Store
from papertune.study.prompts import fill
from papertune.study.settings import Generator, PromptedGenerator

BATCH = 1024  # documents that are checked per append to the store

log = logging.getLogger(__name__)


class Writer(BaseModel):
    """A generator as an experiment has it; other processes get it as JSON."""

    model_config = ConfigDict(frozen=True)

    name: str  # in the experiment
    generator: Generator
    prompt: str = ""  # the text of the prompt template (``title``, ``text``, ``pairs``)
    instruction: str = ""  # goes into every pair
    folder: Path | None = None  # where the model of a ``transformers`` generator lies

    @property
    def attempts(self) -> int:
        """How often a document may be asked about."""
        return getattr(self.generator, "attempts", 1)


def asking_identity(generator: Generator, prompt: str) -> dict[str, Any]:
    """What a raw output depends on beside its backend's version, and not what only judges it."""
    settings = generator.identity()
    for judging in ("grounding", "attempts"):
        settings.pop(judging, None)
    return {"generator": settings, "prompt": prompt, "version": versions.ASK}


def checking_identity(generator: Generator, prompt: str) -> dict[str, Any]:
    """What pairs that are kept depend on beside the backend's version."""
    settings = generator.identity()
    settings.pop("attempts", None)  # each is for itself
    version = [versions.ASK, versions.SYNTHESIZE]
    return {"generator": settings, "prompt": prompt, "version": version}


class Asking:
    """One writer, asked in this process or in several.

    Args:
        writer: Whom to ask.
        store: The store's root.
        what: Names the generator and the split in the log.
        threads: CPU threads of this job.
    """

    def __init__(self, writer: Writer, store: Path, what: str, threads: int) -> None:
        self.writer, self.root, self.what, self.threads = writer, store, what, threads
        generator, prompt = writer.generator, writer.prompt
        self.backend = open_backend(generator, folder=writer.folder, threads=threads)
        version = {"backend": self.backend.version()}
        self.checked = Store(store, "pairs", checking_identity(generator, prompt) | version)
        self.raw: Store | None = None
        if isinstance(generator, PromptedGenerator):
            self.raw = Store(store, "synthesize", asking_identity(generator, prompt) | version)
        self.failed: dict[str, str] = {}  # errors that the next run may not meet: not stored

    def missing(self, places: Iterable[Place], attempt: int) -> list[Place]:
        """Those that the generator was not asked about in this attempt."""
        items = ((item_of(place, attempt), place) for place in places)
        done = [self.checked] if self.raw is None else [self.checked, self.raw]
        return [place for item, place in items if not any(item in store for store in done)]

    def ask(self, places: list[Place], attempt: int, shards: int) -> None:
        """Ask about those of the places that are missing.

        Args:
            places: All documents of the attempt. Batches are cut from all of them, so that a
                resumed run has those of an unbroken one.
            attempt: Counts from 1.
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
        cut = self.backend.cut(self._requests(places, attempt), missing)
        todo: Iterable[list[Place]] = ([missing[key] for key in batch] for batch in cut)
        if shards > 1:
            todo = list(todo)
            if len(todo) > 1:
                run_shards(
                    write_batches,
                    deal(todo, shards),
                    threads=self.threads,
                    writer=self.writer.model_dump(mode="json"),
                    attempt=attempt,
                    store=str(self.root),
                    what=self.what,
                )
                assert self.raw is not None
                return self.raw.read_again()
        self.write(todo, attempt, len(missing))

    def write(self, batches: Iterable[list[Place]], attempt: int, count: int) -> None:
        """Ask about batches as they are, in this process; ``count`` is of their documents."""
        written = (self.backend.write(self._requests(batch, attempt)) for batch in batches)
        self._keep(chain.from_iterable(written), count)

    def check(self, places: Iterable[Place], attempt: int) -> None:
        """Read and check what was written and was not checked before."""
        assert self.raw is not None
        items: dict[str, Any] = {}
        for place in places:
            item = item_of(place, attempt)
            if item in self.raw and item not in self.checked:
                items[item] = judge(self.writer.generator, self.raw.get(item), place.document())
            if len(items) == BATCH:
                self.checked.add(items)
                items = {}
                stopping.check()
        self.checked.add(items)

    def result(self, place: Place, attempt: int) -> dict[str, Any]:
        """What an attempt gave, as :func:`papertune.generators.checking.judge` says it."""
        item = item_of(place, attempt)
        if item in self.checked:
            return dict(self.checked.get(item))
        return {"kept": [], "rejected": [], "why": self.failed.get(item, "not asked")}

    def _requests(self, places: Iterable[Place], attempt: int) -> Iterator[Request]:
        for place in places:
            document = place.document()
            text = ""
            if self.writer.prompt:
                given = {"title": document.title, "text": document.text}
                text = fill(self.writer.prompt, given | {"pairs": self.writer.generator.pairs})
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
                document = written.request.document
                if written.error and not written.lasting:
                    self.failed[written.request.key] = written.error
                elif self.raw is None:
                    value = {"pairs": written.pairs}
                    items[written.request.key] = judge(self.writer.generator, value, document)
                else:
                    items[written.request.key] = _raw(written)
            (self.checked if self.raw is None else self.raw).add(items)
            yield from batch


def _raw(written: Written) -> dict[str, Any]:
    return {
        "document": written.request.document.id,
        "text": written.text,
        "cut": written.cut,
        "error": written.error,
    }


def item_of(place: Place, attempt: int) -> str:
    """The store's key of an attempt at a document."""
    return f"{place.key}/{attempt}"


def write_batches(
    batches: list[list[Any]],
    *,
    writer: dict[str, Any],
    attempt: int,
    store: str,
    what: str,
    threads: int,
) -> None:
    """Ask a model that runs here about batches of documents: what one process of several does."""
    places = TypeAdapter(list[list[Place]]).validate_python(batches)
    asking = Asking(Writer.model_validate(writer), Path(store), what, threads)
    asking.write(places, attempt, sum(map(len, batches)))
