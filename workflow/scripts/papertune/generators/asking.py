"""Ask a generator about documents, and store every batch before waiting for the next one.

A model's raw output is stored (stage ``synthesize``), so that reading and checking can be improved
without asking again. The kept and rejected pairs are stored, too (stage ``pairs``), so that an output is
read and checked once. Each attempt at a document is one item of both. The output of rules, which is
cheap to make again, is only in the second.
"""

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from papertune.generators.backends import Request, Written, open_backend
from papertune.generators.checking import Judged, judge
from papertune.generators.choosing import by_sentence, choose, sentence_of
from papertune.identity import digest
from papertune.jobs import distributed, stopping
from papertune.jobs.apart import Readers
from papertune.jobs.progress import progress
from papertune.jobs.workers import deal, run_shards
from papertune.records import Document, Rejection, from_dict, object_at, placed_lines
from papertune.store import Store
from papertune.study import versions
from papertune.study.prompts import Prompt
from papertune.study.settings import Generator, OpenAIGenerator, PromptedGenerator
from papertune.study.splits import HeldOut, SplitOf

EVERY = 5.0  # seconds of checking between two appends to the store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The position of a document in its file, ordered as in the output; texts stay on disk."""

    year: int
    id: str
    key: str  # digest of the fields that a generator sees
    path: Path
    offset: int

    def document(self) -> Document:
        """Read the document."""
        return from_dict(Document, object_at(self.path, self.offset))

    def item(self, attempt: int, candidate: int = 1) -> str:
        """The store's key of an attempt at the document, or of one candidate of that attempt."""
        return f"{self.key}/{attempt}" + (f".{candidate}" if candidate > 1 else "")


Asked = tuple[Place, int]  # a document, and the number of the candidate


@dataclass(frozen=True, slots=True)
class Raw:
    """A stored raw output of a model; see :class:`papertune.generators.backends.Written`."""

    document: str
    text: str
    cut: bool
    error: str
    sent: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply(Raw):
    """A stored raw output of a service; items with an error, from earlier versions, are ignored."""

    error: Literal[""] = ""


def places_of(
    files: list[Path], mine: SplitOf, taken_out: Collection[str] = ()
) -> tuple[list[Place], list[Rejection]]:
    """The split's documents in the order of the output, without those in ``taken_out`` (ids), and
    rejections of repeated ones.
    """
    found: dict[str, Place] = {}
    repeated = []
    for path in files:
        for offset, where, values in placed_lines(path):
            one = from_dict(Document, values, where=where)
            if not mine(one) or one.id in taken_out:
                continue
            if one.id in found:
                repeated.append(Rejection("synthesize", one.id, "repeated_document", where))
                continue
            # question and turns only if there are any, so that the keys of other documents stay valid
            seen = [one.id, one.title, one.text, *filter(None, [one.question, one.turns])]
            found[one.id] = Place(one.year, one.id, digest(seen), path, offset)
    return sorted(found.values()), repeated


class Writer(BaseModel):
    """A generator of an experiment; other processes get it as JSON."""

    model_config = ConfigDict(frozen=True)

    name: str  # in the experiment
    generator: Generator
    prompt: str = ""  # the text of the prompt template (``title``, ``text``, ``pairs``)
    instruction: str = ""  # the instruction of every pair
    folder: Path | None = None  # the folder of a ``transformers`` generator's model
    held_out: HeldOut | None = None  # which pairs about training documents are taken; None: all

    @property
    def attempts(self) -> int:
        """The number of attempts at a document."""
        return getattr(self.generator, "attempts", 1)

    @property
    def candidates(self) -> int:
        """The number of texts per attempt."""
        return getattr(self.generator, "candidates", 1)


def asking_identity(generator: Generator, prompt: str) -> dict[str, Any]:
    """What a raw output depends on besides the backend's version; without settings of checking."""
    settings = generator.identity()
    # used in reading and checking; attempts and candidates are independent of each other
    for name in ("grounding", "attempts", "candidates"):
        settings.pop(name, None)
    return {"generator": settings, "prompt": prompt, "version": versions.ASK}


def checking_identity(generator: Generator, prompt: str) -> dict[str, Any]:
    """What the kept pairs depend on besides the backend's version."""
    settings = generator.identity()
    settings.pop("attempts", None)
    version = [versions.ASK, versions.SYNTHESIZE]
    return {"generator": settings, "prompt": prompt, "version": version}


class Asking:
    """Asks one writer, in this process or in several; ``what`` names it in the log."""

    def __init__(self, writer: Writer, store: Path, what: str, threads: int) -> None:
        self.writer, self.root, self.what, self.threads = writer, store, what, threads
        generator, prompt = writer.generator, writer.prompt
        self.backend = open_backend(generator, folder=writer.folder, threads=threads)
        version = {"backend": self.backend.version(store)}
        checking = checking_identity(generator, prompt) | version
        self.checked = Store(store, "pairs", checking, Judged)
        self.raw: Store | None = None
        if isinstance(generator, PromptedGenerator):
            asking = asking_identity(generator, prompt) | version
            of_service = isinstance(generator, OpenAIGenerator) and not generator.has_folder
            kind = Reply if of_service else Raw
            self.raw = Store(store, "synthesize", asking, kind)
        self.failed: dict[str, str] = {}  # transient errors, which are not stored
        self.refused: set[str] = set()  # documents that are not asked about again in this run

    def missing(self, places: Iterable[Place], attempt: int) -> list[Place]:
        """The documents without a finished attempt of this number or a later one."""
        attempts = range(attempt, self.writer.attempts + 1)

        def is_done(place: Place) -> bool:
            return any(
                place.item(one) in self.checked or self._written(place, one) for one in attempts
            )

        return [one for one in places if one.key not in self.refused and not is_done(one)]

    def _written(self, place: Place, attempt: int) -> bool:
        """Whether all candidates of an attempt are in the store."""
        return self.raw is not None and all(
            item in self.raw for item in self._items(place, attempt)
        )

    def _items(self, place: Place, attempt: int) -> list[str]:
        return [place.item(attempt, one) for one in range(1, self.writer.candidates + 1)]

    def ask(self, places: list[Place], attempt: int, shards: int) -> int:
        """Ask about the missing documents; returns the number of requested texts.

        Batches are cut from all documents of the attempt, so a resumed run has the same batches. A
        model that runs here is asked by at most ``shards`` processes. Raises as the backend, or
        Interrupted; finished batches are in the store.
        """
        stopping.check()
        raw, candidates = self.raw or (), range(1, self.writer.candidates + 1)
        missing = {
            item: (place, candidate)
            for place in self.missing(places, attempt)
            for candidate in candidates
            if (item := place.item(attempt, candidate)) not in raw
        }
        every = ((place, candidate) for place in places for candidate in candidates)
        cut = self.backend.cut(self._requests(every, attempt), missing)
        todo: Iterable[list[Asked]] = [list(missing.values())]
        if cut is not None:
            todo = ([missing[key] for key in batch] for batch in cut)
        shared = list(todo) if shards > 1 else []
        if len(shared) < 2:
            self.write(shared or todo, attempt, len(missing))
            return len(missing)
        assert self.raw is not None
        given = {"writer": self.writer.model_dump(mode="json"), "attempt": attempt}
        given |= {"store": str(self.root), "what": self.what}
        run_shards(write_batches, deal(shared, shards), threads=self.threads, **given)
        self.raw.read_again()
        return len(missing)

    def write(self, batches: Iterable[list[Asked]], attempt: int, count: int) -> None:
        """Ask about these batches in this process; ``count`` is the number of requested texts."""
        written = (self.backend.write(self._requests(batch, attempt)) for batch in batches)
        stored = self._stored(chain.from_iterable(written))
        for batch in progress(stored, count, self.what, size=len):
            for one in batch:
                if one.error:
                    log.warning(
                        "%s: document %s: %s", self.what, one.request.document.id, one.error
                    )

    def check(self, places: Iterable[Place], attempt: int) -> None:
        """Read and check the raw outputs that were not checked before."""
        assert self.raw is not None
        left = [
            (place.item(attempt), place)
            for place in places
            if place.item(attempt) not in self.checked and self._written(place, attempt)
        ]
        judged: dict[str, Any] = {}
        last, generator = time.monotonic(), self.writer.generator
        with Readers() as readers:
            try:
                for item, place in left:
                    stopping.check()
                    texts = [self.raw.get(one) for one in self._items(place, attempt)]
                    judged[item] = choose(
                        generator, self.writer.prompt, texts, place.document(), readers.read
                    )
                    if time.monotonic() >= last + EVERY:
                        self.checked.add(judged)
                        judged, last = {}, time.monotonic()
            finally:
                self.checked.add(judged)

    def result(self, place: Place, attempt: int) -> dict[str, Any]:
        """The result of an attempt; see :func:`papertune.generators.choosing.choose`."""
        item = place.item(attempt)
        if item in self.checked:
            return dict(self.checked.get(item))
        whys = [self.failed[one] for one in self._items(place, attempt) if one in self.failed]
        return {"kept": [], "rejected": [], "why": [*whys, "not asked"][0], "failed": bool(whys)}

    def sent(self, place: Place, attempt: int, candidate: int) -> dict[str, Any] | None:
        """The decoding as it was sent, if it differs from the settings; else None."""
        item, raw = place.item(attempt, candidate), self.raw
        return raw.get(item).get("sent") if raw is not None and item in raw else None

    def _requests(self, asked: Iterable[Asked], attempt: int) -> Iterator[Request]:
        one_by_one = by_sentence(self.writer.prompt)
        for place, candidate in asked:
            document = place.document()
            given = {"title": document.title, "text": document.text}
            given["pairs"] = str(self.writer.generator.pairs)
            if one_by_one:
                given["sentence"] = sentence_of(document.text, candidate)
            prompt = Prompt(self.writer.prompt, given)
            yield Request(place.item(attempt, candidate), document, prompt, attempt, candidate)

    def _stored(self, batches: Iterable[list[Written]]) -> Iterator[list[Written]]:
        for batch in batches:
            items: dict[str, Any] = {}
            for written in batch:
                key, document = written.request.key, written.request.document
                if written.error and not written.lasting:
                    self.failed[key] = written.error
                    if not written.answered:
                        self.refused.add(key.rpartition("/")[0])
                elif self.raw is None:
                    items[key] = judge(self.writer.generator, {"pairs": written.pairs}, document)
                else:
                    value = {name: getattr(written, name) for name in ("text", "cut", "error")}
                    value["text"] = written.request.prompt.begun + value["text"]
                    items[key] = {"document": document.id, **value}
                    if written.sent is not None:
                        items[key]["sent"] = written.sent
            (self.checked if self.raw is None else self.raw).add(items)
            yield batch


@distributed.shared
def write_batches(
    batches: list[Any], *, writer: dict[str, Any], attempt: int, store: str, what: str, threads: int
) -> None:
    """Ask a model on this machine about batches of documents, as one of several processes."""
    places = TypeAdapter(list[list[Asked]]).validate_python(batches)
    asking = Asking(Writer.model_validate(writer), Path(store), what, threads)
    asking.write(places, attempt, sum(map(len, batches)))
