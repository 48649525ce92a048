"""The records that stages exchange, and their JSONL files.

Files are written atomically: to a temporary file in the same folder, flushed to disk, then
renamed. Reading is lazy, line by line, so that memory does not grow with the documents.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from papertune.errors import RecordError, shown
from papertune.files import atomic_write, from_json
from papertune.identity import canonical, fingerprint
from papertune.owned import anybodys

PromptState = Literal["whole", "cut", "too_long"]


@dataclass(frozen=True, slots=True)
class Document:
    """A paper, page or post.

    ``text`` is empty until it is found; ``found_by`` then names its source (``listing``,
    ``meta:citation_abstract``, ``openalex``, ``browser:…``). While it is empty, ``reason`` says
    why. ``tried`` lists the sources tried before with their reasons, ``openalex: not_found``.

    ``question`` is the question that the source has for the document (a post and its best answer,
    a sentence and its translation); ``text`` is then the answer. ``score`` is the rating by the
    source's readers. ``turns`` are further questions and answers of a conversation. ``check`` is a
    test program: appended to an answer that is a program, it runs without an error if the answer
    is right. ``entry_point`` names the function that such an answer defines.
    """

    id: str
    title: str
    url: str
    year: int
    text: str = ""
    found_by: str = ""
    reason: str = ""
    doi: str = ""
    question: str = ""
    score: float | None = None
    tried: list[str] = field(default_factory=list)
    category: str = ""
    turns: list[list[str]] = field(default_factory=list)
    check: str = ""
    entry_point: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One question and its reference answer about one document.

    ``before`` holds the earlier questions and reference answers of its conversation;
    ``check`` and ``entry_point`` come from its document.
    """

    id: str
    document: str
    year: int
    instruction: str
    context: str
    question: str
    answer: str
    generator: str
    # what made the pair: backend, model, revision, prompt (hash), decoding; the document's score
    provenance: dict[str, Any] = field(default_factory=dict)
    before: list[list[str]] = field(default_factory=list)
    check: str = ""
    entry_point: str = ""

    @property
    def conversation(self) -> str:
        """The id of the conversation's first pair; its own id outside of a conversation."""
        return pair_id(self.document, *self.before[0]) if self.before else self.id


@dataclass(frozen=True, slots=True)
class Rejection:
    """An item that a stage rejected, and why: the counts must add up from listing to score.

    ``key`` is the item's id, url or ``file:line``; ``reason`` is a short word for counting;
    ``detail`` is what a person needs to judge it. Both are safe to display.
    """

    stage: str
    key: str
    reason: str
    detail: str = ""

    def __post_init__(self) -> None:
        for name in ("key", "detail"):
            object.__setattr__(self, name, shown(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Suspect:
    """A test document of which parts may have been trained on; it stays in the test set.

    ``reason`` is ``shared_13_grams`` (``share``: the fraction of its own 13-grams) or ``neighbour``
    (``share``: a cosine similarity).
    """

    document: str
    reason: str
    share: float
    detail: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model wrote for one question of one test set.

    ``reference_nll`` is the sum of negative log-likelihoods (nats) of the reference answer's
    ``reference_tokens`` tokens given the prompt; perplexity is computed from the two. They cover
    the first ``reference_read`` characters if the context had no room for more. A ``prompt`` too
    long for the model is ``cut``: it loses the end of its context. One that is ``too_long`` even
    without context is not asked, and its answer is empty. ``samples`` holds all sampled answers if
    there are several; ``text`` is the first. ``check`` and ``entry_point`` come from the pair.
    """

    pair: str
    document: str
    year: int
    question: str
    reference: str
    text: str
    reference_nll: float
    reference_tokens: int
    new_tokens: int
    truncated: bool
    prompt: PromptState = "whole"
    reference_read: int | None = None  # None: all
    samples: list[str] = field(default_factory=list)
    check: str = ""
    entry_point: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """The values of every metric for one answer; ``None`` where a metric is not defined."""

    pair: str
    document: str
    year: int
    values: dict[str, float | None]


Record = TypeVar("Record", bound=Any)  # a dataclass


def pair_id(document: str, question: str, answer: str, before: Sequence[Sequence[str]] = ()) -> str:
    """Return 16 hex digits that depend on the pair's content only, not on its generator.

    For a later turn of a conversation, the id also depends on the turns ``before``.
    """
    return fingerprint([document, question, answer, *map(list, before)])


def write_records(path: str | Path, records: Iterable[Any]) -> int:
    """Write dataclass records as JSONL, atomically; returns their number."""
    with atomic_write(path) as stream:
        return sum(1 for record in records if stream.write(to_line(record)))


def digest_of_lines(lines: Iterable[Any]) -> str:
    """SHA-256 over JSON values in their order, in hex; holds one value in memory at a time."""
    total = hashlib.sha256()
    for line in lines:
        total.update(canonical(line).encode() + b"\n")
    return total.hexdigest()


def to_line(record: Any) -> str:
    """One JSON line of a record, with its newline; keys in the order of the fields."""
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return json.dumps(values, ensure_ascii=False) + "\n"


def from_dict(kind: type[Record], values: dict[str, Any], where: str = "") -> Record:
    """Make a record from its fields; raises RecordError if some are unknown or missing."""
    try:
        record = kind(**values)
        # checked, not converted: an int stays an int where a float is declared
        _checking(cast("Any", kind)).model_validate(values)
        return record
    except (TypeError, ValidationError) as error:
        said = str(error).partition("__init__() ")[2] or str(error)
        if isinstance(error, ValidationError):
            said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RecordError(
            f"not a {kind.__name__}: {said}",
            where=where,
            hint="the file was made by another version or edited by hand; delete it and run again",
        ) from None


@cache
def _checking(kind: Any) -> type[BaseModel]:
    """A model that checks field types; the record itself checks for missing and unknown fields."""
    fields: dict[str, Any] = {name: (hint, None) for name, hint in get_type_hints(kind).items()}
    return create_model(kind.__name__, __config__=ConfigDict(strict=True), **fields)


def read_records(path: str | Path, kind: type[Record]) -> Iterator[Record]:
    """Yield the records of a JSONL file; RecordError names file and line of a bad record."""
    for number, values in read_json_lines(path):
        yield from_dict(kind, values, where=f"{path}:{number}")


def read_json_lines(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line numbers (from 1) and objects of a JSONL file; RecordError names a bad line."""
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            yield number, parsed(line, f"{path}:{number}")


def placed_lines(path: str | Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield byte offset, ``file:line`` and object of each JSONL line, whoever owns the file."""
    with open(path, "rb", opener=anybodys) as stream:
        end = 0
        for number, line in enumerate(stream, start=1):
            offset, end, where = end, end + len(line), f"{path}:{number}"
            if line.strip():
                yield offset, where, parsed(line, where)


def object_at(path: str | Path, offset: int) -> dict[str, Any]:
    """Return the object of the line that begins at a byte offset."""
    with open(path, "rb", opener=anybodys) as stream:
        stream.seek(offset)
        return parsed(stream.readline(), str(path))


def parsed(line: bytes, where: str) -> dict[str, Any]:
    """Parse a JSON object from one line; raises RecordError if it is not one."""
    hint = "delete the file and run again; finished work is in the store"
    try:
        values = from_json(line)
    except ValueError as error:
        raise RecordError(f"not JSON ({error})", where=where, hint=hint) from None
    if not isinstance(values, dict):
        raise RecordError("not a JSON object", where=where, hint=hint)
    return values
