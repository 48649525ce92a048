"""Rows of local tables, one at a time or in runs: CSV, TSV, JSONL, JSON, Parquet and Excel.

Python's own readers give each row's line number, and leave ``007`` and ``nan`` unchanged.
"""

import gzip
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

from papertune.collect.listings.cells import named, text_cells, workbook_cells
from papertune.collect.listings.contents import SIGNS, begins_as
from papertune.collect.listings.encodings import encoding_of, readings
from papertune.collect.listings.headers import is_table
from papertune.collect.listings.shapes import json_rows
from papertune.errors import CollectError
from papertune.files import from_json
from papertune.sentences import composed, edged
from papertune.study.nearby import files_in, near_names

Row = dict[str, Any]
Numbered = tuple[int, Row | str]  # number of the line (in Parquet of the row); row, or its error

AGAIN = "get the file again"
OTHERS = {
    **dict.fromkeys((".xls", ".ods", ".numbers"), "save the sheet as .xlsx, or as CSV in UTF-8"),
    **dict.fromkeys((".zip", ".bz2", ".xz", ".7z", ".rar"), "unpack it, or pack it with gzip"),
    **dict.fromkeys((".bib", ".bibtex"), SIGNS["bibtex"].hint),
    **dict.fromkeys((".ris", ".nbib", ".enw", ".ciw"), SIGNS["ris"].hint),
}
FEWEST, RUN, LARGEST = 256, 1024, 2**22  # rows of a run: minimum, average; bytes of a run: maximum


@dataclass(slots=True)
class Run:
    """Consecutive rows of a table, which are not yet items.

    ``said`` is a digest of their content, whatever line they begin in. A table is cut into runs by
    the content of its rows, so that an added or changed row changes one or two runs only.
    """

    rows: list[tuple[int, Any]]  # line number; bytes of JSON, a row, or what is wrong
    said: str
    place: str = ""  # the table's path or url, for messages
    make: Callable[["Run"], Iterable[Any]] = iter  # makes the items of its rows
    unseen: set[str] = field(default_factory=set)  # columns that none of its rows was found to have
    last: bool = False  # set when no further rows of the table are wanted

    def __iter__(self) -> Iterator[Numbered]:
        for line, raw in self.rows:
            yield line, _parsed(raw) if isinstance(raw, bytes) else raw


def runs(rows: Iterable[tuple[int, Any]]) -> Iterator[Run]:
    """The rows of a table, in order, grouped into runs."""
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


def raw_rows(path: Path, encoding: str = "") -> Iterator[tuple[int, Any]]:
    """Line number and row of each row of a table: a dict, bytes (JSONL), or text about an error.

    The file's name ends in one of ``READERS``, for text files also with ``.gz``; its bytes tell
    whether it is compressed. A CSV's separator is the comma, semicolon, tab or bar that its header
    has most, or that its first line names.

    Args:
        encoding: Of a text without a byte order mark; if not given, UTF-8 or as detected.

    Raises:
        CollectError: the file is missing, of another kind, or broken as a whole.
    """
    said = path.suffix.lower() == ".gz"
    kind = Path(path.stem if said else path).suffix.lower()
    known = kind in READERS and (not said or kind in PACKED)
    if not known and not path.is_dir():
        ending = kind + path.suffix * said
        raise CollectError(
            f"unknown kind of file {ending!r}",
            where=str(path),
            hint=OTHERS.get(kind) or f"a path must end in one of {', '.join(READERS)}",
        )
    with reading(path):
        packed = begins_as(path, *MAY_BE.get(kind, ())) == "gzip"
        with (gzip.open if packed else open)(path, "rb") as stream:
            yield from READERS[kind](cast("BinaryIO", stream), path, encoding)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """In the context, errors from reading a user's file become CollectErrors for people.

    Raises:
        CollectError: the file is missing, unreadable, not UTF-8, or badly compressed.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        said = error.object[max(0, error.start - 12) : error.end + 8]
        what = f"not UTF-8: {said!r}"
        if read := readings(error.object, error.start):
            what += f" (that is, in {read})"
        hint = "save it as UTF-8; for a file of the source, source.encoding may name its encoding"
    except zlib.error as error:
        what, hint = f"broken gzip ({error})", AGAIN
    except FileNotFoundError:
        what = f"no such file{near_names(path, NAMED)}"
        hint = f"correct the path; it is taken from the folder that snakemake runs in, {Path.cwd()}"
    except IsADirectoryError:
        what, there = "a folder, where a file should be named", files_in(path, NAMED)
        pdfs = "set kind: pdfs for PDFs" if files_in(path, (".pdf",)) else "none in it is read here"
        hint = f"name one in it{there}" if there else pdfs
    except EOFError:
        what, hint = "packed, and cut off before its end", AGAIN
    except gzip.BadGzipFile as error:
        what, hint = f"broken gzip ({error})", AGAIN
    except OSError as error:
        what, hint = f"cannot read the file: {error.strerror or error}", "check its permissions"
    else:
        return
    raise CollectError(what, where=str(path), hint=hint)


def text_in(value: Any) -> str | None:
    """A value as text, with its line breaks; None if it is no text or number."""
    if value is None or value != value:  # NaN, by which tables show missing values
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if not isinstance(value, str):
        return None
    return edged(composed(re.sub("[\x00\ufeff]", "", re.sub("\r\n?", "\n", value))))


def _text(stream: BinaryIO, path: Path, encoding: str) -> Iterator[Numbered]:
    return text_cells(stream, path, encoding)


def _workbook(stream: BinaryIO, path: Path, encoding: str) -> Iterator[Numbered]:
    return workbook_cells(stream, path)


def _lines(stream: BinaryIO, path: Path, encoding: str) -> Iterator[tuple[int, Any]]:
    kind = encoding_of(stream, encoding, table=False)
    lines: Iterable[bytes] = stream
    if not kind.startswith("utf-8"):
        lines = (line.encode("utf-8", "surrogatepass") for line in TextIOWrapper(stream, kind))
    first = True
    for line, raw in enumerate(lines, start=1):
        text = raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw
        if not text.strip():
            continue
        if first and is_table(text.decode("utf-8", "replace")):
            raise CollectError("it is CSV", where=str(path), hint="let its name end in .csv")
        opens = text.lstrip()[:1] == b"[" or text.strip() == b"{"
        if first and opens and isinstance(_parsed(text), str):
            stream.seek(0)  # it is JSON over several lines, whatever its name says
            yield from _json(stream, path, encoding)
            return
        first = False
        yield line, text


def _parsed(text: bytes) -> Row | str:
    try:
        return _row(from_json(text.rstrip().removesuffix(b",")))  # lines of a list
    except ValueError as error:
        return f"not JSON in UTF-8 ({error})"


def _json(stream: BinaryIO, path: Path, encoding: str) -> Iterator[Numbered]:
    kind = encoding_of(stream, encoding, table=False)
    text = stream.read().decode("utf-8-sig" if kind == "utf-8" else kind)
    yield from json_rows(text, path)


def _row(value: Any) -> Row | str:
    return value if isinstance(value, dict) else "not a JSON object"


def _parquet(stream: BinaryIO, path: Path, encoding: str) -> Iterator[Numbered]:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(stream)
        named(table.schema_arrow.names, str(path))
        batches = (batch.to_pylist() for batch in table.iter_batches(1000))
        yield from enumerate(chain.from_iterable(batches), start=1)
    except ArrowInvalid as error:
        hint = "get it again: it may be cut off, or another kind of file"
        raise CollectError(f"not a Parquet file ({error})", where=str(path), hint=hint) from None


READERS = {".csv": _text, ".json": _json, ".jsonl": _lines, ".ndjson": _lines,
           ".parquet": _parquet, ".tab": _text, ".tsv": _text, ".txt": _text,
           ".xlsx": _workbook}  # fmt: skip
# ending → kinds that such a file may be by its first bytes
_TEXT, _JSON = ("gzip", "empty"), ("gzip", "json")
MAY_BE = {**dict.fromkeys((".csv", ".tab", ".tsv", ".txt"), _TEXT), ".json": _JSON,
          **dict.fromkeys((".jsonl", ".ndjson"), (*_JSON, "empty")), ".parquet": ("parquet",),
          ".xlsx": ("zip", "old")}  # fmt: skip
NAMED = (*READERS, ".gz", ".bz2", ".xz", ".bib", ".xml")
PACKED = (".csv", ".json", ".jsonl", ".ndjson", ".tab", ".tsv", ".txt")  # perhaps with .gz
