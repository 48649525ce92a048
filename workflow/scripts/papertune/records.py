"""The records that stages hand to each other, and their JSONL files.

Files are written whole or not at all: to a temporary file in the same folder, flushed to disk,
then renamed. Reading is lazy, line by line, so that memory does not grow with the documents.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any, Literal, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from papertune.errors import RecordError, shown
from papertune.identity import canonical, fingerprint
from papertune.owned import anybodys, file_mode, make_folder

PromptState = Literal["whole", "cut", "too_long"]


@dataclass(frozen=True, slots=True)
class Document:
    """A paper, page or post.

    ``text`` is empty until it is found; ``found_by`` then names who gave it (``listing``,
    ``meta:citation_abstract``, ``openalex``, ``browser:…``) and, while it is empty, ``reason`` says
    why. ``tried`` are those that were asked before and their reasons, ``openalex: not_found``.

    A document whose source has a question to it (a post and its best answer, a sentence and its
    translation) has that in ``question``; its ``text`` is then the answer. ``score`` is what the
    source's readers gave it.
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


@dataclass(frozen=True, slots=True)
class Pair:
    """One question and its reference answer about one document."""

    id: str
    document: str
    year: int
    instruction: str
    context: str
    question: str
    answer: str
    generator: str
    # backend, model, revision, prompt (hash), decoding: what made the pair; the document's score
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejection:
    """What a stage did not take, and why: the counts must add up from listing to score.

    ``key`` is the id or url or ``file:line`` of the item, ``reason`` a short word that is counted,
    ``detail`` what a person needs to judge it; both as they may be shown.
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
    """A document that stays in testing though something of it may have been trained on.

    ``reason`` is ``shared_13_grams`` (then ``share`` is that of its own) or ``neighbour`` (a cosine).
    """

    document: str
    reason: str
    share: float
    detail: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model wrote for one question of one test set.

    ``reference_nll`` is the sum of negative log-likelihoods (nats) of the reference answer's
    ``reference_tokens`` tokens given the prompt; perplexity is made from the two. They are of the first
    ``reference_read`` characters, where the context had no room for more. A ``prompt`` that
    is too long for the model is ``cut``: it loses the end of its context. One that is ``too_long``
    without any context was not asked, and its answer is empty.
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


@dataclass(frozen=True, slots=True)
class Score:
    """The values of every metric for one answer; ``None`` where a metric is not defined."""

    pair: str
    document: str
    year: int
    values: dict[str, float | None]


Record = TypeVar("Record", bound=Any)  # a dataclass


def pair_id(document: str, question: str, answer: str) -> str:
    """16 hex digits that stay the same as long as the pair does, whoever wrote it."""
    return fingerprint([document, question, answer])


@contextmanager
def atomic_write(path: str | Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Open a file, UTF-8 or binary, that has its name only once it is whole and on disk.

    Raises OSError as the file system says (a full disk, say); the old file is then untouched.
    """
    target = Path(path)
    make_folder(target.parent)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        form: dict[str, Any] = {} if binary else {"encoding": "utf-8", "newline": "\n"}
        with os.fdopen(descriptor, "wb" if binary else "w", **form) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), file_mode(target))
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_records(path: str | Path, records: Iterable[Any]) -> int:
    """Write dataclass records as JSONL, atomically; returns how many."""
    with atomic_write(path) as stream:
        return sum(1 for record in records if stream.write(to_line(record)))


def read_json(path: str | Path) -> Any:
    """The value of a JSON file that anybody may have written.

    Raises:
        ValueError: it is no JSON, or nested so deep that nothing of ours wrote it.
        OSError: it cannot be read, or is a link or no file.
    """
    with open(path, encoding="utf-8", opener=anybodys) as stream:
        return from_json(stream.read())


def whole(text: str) -> str:
    """A text with U+FFFD for each half of a surrogate pair, which no file and no request takes."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def from_json(text: str | bytes) -> Any:
    """The value of a JSON text, with :func:`whole` texts.

    Raises:
        ValueError: it is none (in bytes: in UTF-8), or nested too deep.
    """
    text = text if isinstance(text, str) else text.decode("utf-8-sig")
    try:
        value = json.loads(text)
        if re.search(r"\\u[dD][89a-fA-F]", text):
            value = json.loads(whole(json.dumps(value, ensure_ascii=False)))
        return value
    except RecursionError:
        raise ValueError("nested too deep") from None


def file_state(path: str | Path) -> tuple[str, int, int, int, int]:
    """Where a file lies, its size, and more that changes when somebody changes or replaces it."""
    state = os.stat(path)
    same = state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns
    return os.path.realpath(path), *same


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content, in hex; a file that has not changed is read once per process."""
    return _file_digest(*file_state(path))


@lru_cache(maxsize=1024)
def _file_digest(path: str, *_: int) -> str:
    with open(path, "rb", opener=anybodys) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 over the contents of files, in their order, in hex."""
    total = hashlib.sha256()
    for path in paths:
        total.update(bytes.fromhex(file_digest(path)))
    return total.hexdigest()


def digest_of_lines(lines: Iterable[Any]) -> str:
    """SHA-256 over JSON values in their order, in hex; no more than one of them is held."""
    total = hashlib.sha256()
    for line in lines:
        total.update(canonical(line).encode() + b"\n")
    return total.hexdigest()


def to_line(record: Any) -> str:
    """One JSON line of a record, with its newline; keys in the order of the fields."""
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return json.dumps(values, ensure_ascii=False) + "\n"


def from_dict(kind: type[Record], values: dict[str, Any], where: str = "") -> Record:
    """A record from its fields; raises RecordError where some are unknown or missing."""
    try:
        record = kind(**values)
        # looked at only: an int stays one where a float is meant
        _checking(cast("Any", kind)).model_validate(values)
        return record
    except (TypeError, ValidationError) as error:
        said = str(error)
        if isinstance(error, ValidationError):
            said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RecordError(
            f"not a {kind.__name__}: {said}",
            where=where,
            hint="the file was made by another version or edited by hand; delete it and run again",
        ) from None


@cache
def _checking(kind: Any) -> type[BaseModel]:
    """What knows the types of a record's fields; missing and unknown ones the record knows itself."""
    fields: dict[str, Any] = {name: (hint, None) for name, hint in get_type_hints(kind).items()}
    return create_model(kind.__name__, __config__=ConfigDict(strict=True), **fields)


def read_records(path: str | Path, kind: type[Record]) -> Iterator[Record]:
    """The records of a JSONL file, one at a time; RecordError names file and line of a bad one."""
    for number, values in read_json_lines(path):
        yield from_dict(kind, values, where=f"{path}:{number}")


def read_json_lines(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers (from 1) and objects of a JSONL file; RecordError names file and line of others."""
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            yield number, parsed(line, f"{path}:{number}")


def placed_lines(path: str | Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Offset, file with line number, and object of each line of a JSONL file, whoever owns it."""
    with open(path, "rb", opener=anybodys) as stream:
        end = 0
        for number, line in enumerate(stream, start=1):
            offset, end, where = end, end + len(line), f"{path}:{number}"
            if line.strip():
                yield offset, where, parsed(line, where)


def object_at(path: str | Path, offset: int) -> dict[str, Any]:
    """The object of the line that begins there."""
    with open(path, "rb", opener=anybodys) as stream:
        stream.seek(offset)
        return parsed(stream.readline(), str(path))


def count_lines(path: str | Path) -> int:
    """How many lines of a file are not empty."""
    with open(path, "rb", opener=anybodys) as stream:
        return sum(1 for line in stream if line.strip())


def parsed(line: bytes, where: str) -> dict[str, Any]:
    """The object of one line of JSON; raises RecordError where it is none."""
    try:
        values = from_json(line)
    except ValueError as error:
        hint = "delete the file and run again; finished work is in the store"
        raise RecordError(f"not JSON ({error})", where=where, hint=hint) from None
    if not isinstance(values, dict):
        raise RecordError("not a JSON object", where=where)
    return values
