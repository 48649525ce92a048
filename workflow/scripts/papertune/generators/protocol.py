"""What a backend takes and gives."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from papertune.records import Document
from papertune.study.settings import Decoding

RETRY_TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True)
class Request:
    """One document to write pairs about.

    ``prompt`` is the filled template (empty for rules), ``attempt`` counts from 1.
    """

    key: str
    document: Document
    prompt: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Written:
    """What came back for one request.

    Either ``text`` as the model wrote it (``cut`` where it ran into the token limit), or ``pairs``
    from a backend that needs no reading, or ``error``. An error that would come again is
    ``lasting`` and goes to the store; another one is asked again in the next run.
    """

    request: Request
    text: str = ""
    cut: bool = False
    pairs: tuple[tuple[str, str], ...] | None = None
    error: str = ""
    lasting: bool = False


class Backend(Protocol):
    """Takes requests as it can use them and yields batches as they finish, in any order."""

    def version(self) -> dict[str, Any]:
        """What results depend on besides the settings (part of the store's identity)."""
        ...

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Every request comes back exactly once.

        Raises:
            GeneratorError: no request can be answered (a dead server, a missing model).
        """
        ...


@runtime_checkable
class BatchBackend(Backend, Protocol):
    """A backend whose model runs here, in batches that several processes can share."""

    def cut(self, requests: Iterable[Request], wanted: Container[str]) -> Iterator[list[str]]:
        """The keys of the batches to :meth:`write`, each as it comes.

        Args:
            requests: All of them: the batches of some are those of all, less the others.
            wanted: Keys of those to be written.
        """
        ...


def decoding_of(decoding: Decoding, attempt: int) -> Decoding:
    """The decoding of an attempt: asked again, a model must not repeat what gave nothing.

    The first attempt is as configured; later ones have another seed and at least a temperature
    of 0.7, for greedy decoding would write the same again.
    """
    if attempt == 1:
        return decoding
    return decoding.model_copy(
        update={
            "seed": decoding.seed + attempt - 1,
            "temperature": max(decoding.temperature, RETRY_TEMPERATURE),
        }
    )
