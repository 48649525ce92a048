"""The interface of backends, and the backend without a model: rules, and pairs of the source."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from papertune.generators.rules import Pairs, pairs_about
from papertune.records import Document
from papertune.study import versions
from papertune.study.prompts import Prompt
from papertune.study.settings import Decoding, Generator

BATCH = 64  # documents per append to the store
RETRY_TEMPERATURE = 0.7
CANDIDATE_SEEDS = 1000  # distance of the seeds of two candidates; attempts are one apart


@dataclass(frozen=True, slots=True)
class Request:
    """One document to write pairs about; ``prompt`` is the filled template (empty for rules)."""

    key: str
    document: Document
    prompt: Prompt
    attempt: int = 1
    candidate: int = 1  # of several texts about the document


@dataclass(frozen=True, slots=True)
class Written:
    """The output for one request.

    Either ``text`` as the model wrote it (``cut`` if it reached the token limit), or ``pairs`` from a
    backend that needs no reading, or ``error``. An error of the request itself, such as a prompt that is
    too long, is ``lasting`` and stored. After any other error, the next run asks again. This run asks
    again only if the model ``answered`` (without a usable answer), as another attempt may succeed.
    """

    request: Request
    text: str = ""
    cut: bool = False
    pairs: Pairs | None = None
    error: str = ""
    lasting: bool = False
    answered: bool = False
    sent: dict[str, Any] | None = None  # the decoding as sent, if the server required changes


class Backend:
    """Answers requests; loads and connects nothing before the first one.

    ``folder`` has the model of a ``transformers`` generator. Raises GeneratorError if the settings
    cannot work on this machine.
    """

    def __init__(self, settings: Any, *, folder: Path | None, threads: int) -> None:
        self.settings, self.folder, self.threads = settings, folder, threads

    def version(self, store: Path | None = None) -> dict[str, Any]:
        """What results depend on besides the settings (part of the store's identity).

        The ``store`` may know digests of the model's files.
        """
        return {}

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Yield batches as they finish, in any order; every request comes back exactly once.

        Raises:
            GeneratorError: no request can be answered (a dead server, a missing model).
        """
        raise NotImplementedError

    def cut(
        self, requests: Iterable[Request], wanted: Container[str]
    ) -> Iterable[list[str]] | None:
        """The keys of the batches for :meth:`write`; None if processes cannot share the batches.

        Batches are cut from all requests, then reduced to the wanted ones.
        """
        return None

    def close(self) -> None:
        """End what was started, after the last request."""


class DirectBackend(Backend):
    """The built-in rules, or a document's own question with its text as answer; needs no model."""

    def version(self, store: Path | None = None) -> dict[str, Any]:
        """The version of the rules; empty for pairs of the source."""
        return {"rules": versions.RULES} if self.settings.backend == "rules" else {}

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """The pairs of each document, in batches."""
        rest = iter(requests)
        while batch := list(islice(rest, BATCH)):
            yield [Written(one, pairs=self._pairs(one.document)) for one in batch]

    def _pairs(self, document: Document) -> Pairs:
        if self.settings.backend == "rules":
            return pairs_about(document, self.settings.style, self.settings.pairs)
        first = [(document.question, document.text)] if document.question else []
        return [*first, *((question, answer) for question, answer in document.turns)]


def open_backend(generator: Generator, *, folder: Path | None, threads: int) -> Backend:
    """The backend that a generator's settings name; see :class:`Backend`."""
    module, _, name = generator.opened_as.partition(":")
    kind: type[Backend] = getattr(import_module(module), name)
    return kind(generator, folder=folder, threads=threads)


def decoding_of(decoding: Decoding, attempt: int, candidate: int = 1) -> Decoding:
    """The decoding of an attempt, different from that of earlier ones, which gave no pairs.

    Later attempts have another seed and a temperature above 0, as greedy decoding would repeat itself.
    The seeds of candidates are far apart.
    """
    seed = decoding.seed + attempt - 1 + CANDIDATE_SEEDS * (candidate - 1)
    warm = decoding.temperature if attempt == 1 else max(decoding.temperature, RETRY_TEMPERATURE)
    return decoding.model_copy(update={"seed": seed, "temperature": warm})
