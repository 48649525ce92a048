"""Rows of local tables, one at a time or in runs: CSV, TSV, JSONL, JSON and Parquet.

Python's own readers know the line that a row stands in, and leave ``007`` and ``nan`` as they are.
"""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

from papertune.errors import CollectError
from papertune.files import from_json
from papertune.sentences import composed, edged

Row = dict[str, Any]
Numbered = tuple[int, Row | str]  # a line (in Parquet a row), and what is there or is wrong with it

LONGEST_CELL = 10_000_000  # characters
FEWEST, RUN, LARGEST = 256, 1024, 2**22  # rows of a run, at least and about; and its bytes, at most


@dataclass(slots=True)
class Run:
    """Neighbouring rows of a table, of which nobody has made items yet.

    ``said`` is a digest of what they say, wherever they begin; a table is cut into runs by what its
    rows say, so that one more, or another, makes one or two other runs and no more.
    """

    rows: list[tuple[int, Any]]  # a line and what stands there: bytes of JSON, a row, what is wrong
    said: str
    place: str = ""  # of the table, for people
    make: Callable[["Run"], Iterable[Any]] = iter  # what becomes of its rows
    unseen: set[str] = field(default_factory=set)  # columns that none of its rows was seen to have
    last: bool = False  # nobody wants more of the table

    def __iter__(self) -> Iterator[Numbered]:
        for line, raw in self.rows:
            yield line, _parsed(raw) if isinstance(raw, bytes) else raw


def runs(rows: Iterable[tuple[int, Any]]) -> Iterator[Run]:
    """Rows as they stand in a table, in runs."""
    some: list[tuple[int, Any]] = []
    total, size = sha256(), 0
    for line, raw in rows:
        some.append((line, raw))
        text = raw if isinstance(raw, bytes) else repr(raw).encode()
        total.update(b"%d %d " % (line - some[0][0], len(text)))
        total.update(text)
        size += len(text)
        if (len(some) >= FEWEST and not zlib.crc32(text) % (RUN - FEWEST)) or size > LARGEST:
            yield Run(some, total.hexdigest())
            some, total, size = [], sha256(), 0
    if some:
        yield Run(some, total.hexdigest())


def raw_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Lines and rows of a table, those of JSONL in bytes; a text says what is wrong with a row.

    Its name ends in one of ``READERS``, all but Parquet perhaps with ``.gz``. The cells of a CSV are
    parted by commas, or by the semicolons or tabs of its header.

    Raises:
        CollectError: there is no such file, it is of another kind, or broken as a whole.
    """
    packed = path.suffix.lower() == ".gz"
    kind = Path(path.stem if packed else path).suffix.lower()
    if kind not in READERS or (packed and kind == ".parquet"):
        raise CollectError(
            f"unknown kind of file {''.join(path.suffixes)!r}",
            where=str(path),
            hint=f"a path must end in one of {', '.join(READERS)}",
        )
    with reading(path), (gzip.open if packed else open)(path, "rb") as stream:
        yield from READERS[kind](cast("BinaryIO", stream), path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Within, what a file of the user's cannot be read for is an error that says so.

    Raises:
        CollectError: it is not there, cannot be read, or is not UTF-8.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        said = error.object[max(0, error.start - 20) : error.end + 10]
        what, hint = f"not UTF-8: {said!r}", "save it as UTF-8"
    except (OSError, EOFError) as error:
        what = f"cannot read the file: {getattr(error, 'strerror', None) or error}"
        hint = "paths of a source are taken from the folder that snakemake runs in"
    else:
        return
    raise CollectError(what, where=str(path), hint=hint)


def year_of(value: Any) -> int | None:
    """The year of a number, of digits, or of a date as text or as an object."""
    if isinstance(value, bool) or value is None:
        return None
    if hasattr(value, "year"):
        return int(value.year)
    # spreadsheets make 2020.0 of 2020
    found = re.fullmatch(r"(\d{4})(?:[-/T ].*)?", str(value).strip().removesuffix(".0"), re.ASCII)
    return int(found[1]) if found else None


def text_in(value: Any) -> str | None:
    """A value as text, its lines kept; None where it is none."""
    if value is None or value != value:  # not a number, which tables make of nothing
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if not isinstance(value, str):
        return None
    return edged(composed(re.sub("[\x00\ufeff]", "", re.sub("\r\n?", "\n", value))))


def _cells(stream: BinaryIO, path: Path) -> Iterator[Numbered]:
    csv.field_size_limit(LONGEST_CELL)
    text = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    head = text.readline()
    if ".tsv" in path.name.lower():
        # corpora of sentences are not quoted, and their quotes are those of the text
        dialect: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    else:
        names = re.sub(r'"[^"]*"', "", head)
        dialect = {"delimiter": max(",;\t", key=names.count), "strict": True}
    reader = csv.reader(chain([head], text), **dialect)
    line = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        line = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(header):
                than = "more" if len(cells) > len(header) else "fewer"
                yield line, f"{than} cells than the header has"
            elif cells:
                yield line, dict(zip(header, cells, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        # a quote that is never closed takes the rest of the file with it
        raise CollectError(
            f"not a table ({error})",
            where=f"{path}:{line}",
            hint="is a quote not closed, or not doubled?",
        ) from None


def _lines(stream: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    for line, raw in enumerate(stream, start=1):
        text = raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw
        if text.strip():
            yield line, text


def _parsed(text: bytes) -> Row | str:
    try:
        return _row(from_json(text))
    except ValueError as error:
        return f"not JSON in UTF-8 ({error})"


def _json(stream: BinaryIO, path: Path) -> Iterator[Numbered]:
    """The rows of a list, or of the only list in an object: ``{"data": [{…}, {…}]}``."""
    text = stream.read().decode("utf-8-sig")
    try:
        found = from_json(text)
    except ValueError as error:
        where = f"{path}:{getattr(error, 'lineno', 1)}"
        raise CollectError(f"not JSON ({error})", where=where) from None
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        if len(lists) == 1:
            yield from enumerate(map(_row, lists[0]), start=1)
            return
    if not isinstance(found, list):
        raise CollectError("not a JSON list of rows", where=str(path), hint="[{…}, {…}]")
    # element by element once more, for the line in which each begins
    scan, between = json.JSONDecoder().raw_decode, re.compile(r"[\s,]*")
    line, counted, end = 1, 0, text.find("[") + 1
    for value in found:
        start = between.match(text, end).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, start), start
        yield line, _row(value)
        end = scan(text, start)[1]


def _row(value: Any) -> Row | str:
    return value if isinstance(value, dict) else "not a JSON object"


def _parquet(stream: BinaryIO, path: Path) -> Iterator[Numbered]:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    try:
        batches = (batch.to_pylist() for batch in ParquetFile(stream).iter_batches(1000))
        yield from enumerate(chain.from_iterable(batches), start=1)
    except ArrowInvalid as error:
        raise CollectError(f"not a Parquet file ({error})", where=str(path)) from None


READERS = {".csv": _cells, ".json": _json, ".jsonl": _lines, ".ndjson": _lines,
           ".parquet": _parquet, ".tsv": _cells}  # fmt: skip
