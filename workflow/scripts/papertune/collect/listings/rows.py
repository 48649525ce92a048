"""Rows of local tables, one at a time: CSV, TSV, JSONL, JSON and Parquet.

Python's own readers know the line that a row stands in, and leave ``007`` and ``nan`` as they are.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

from papertune.errors import CollectError

Row = dict[str, Any]
Numbered = tuple[int, Row | str]  # a line (in Parquet a row), and what is there or is wrong with it

LONGEST_CELL = 10_000_000  # characters
KINDS = (".csv", ".json", ".jsonl", ".ndjson", ".parquet", ".tsv")


def read_rows(path: Path) -> Iterator[Numbered]:
    """Lines and rows of a table; a text in place of a row says what is wrong with it.

    Args:
        path: The file; its name ends in one of ``KINDS``, all but Parquet perhaps with ``.gz``. The
            cells of a CSV are parted by commas, or by the semicolons or tabs of its header.

    Raises:
        CollectError: there is no such file, it is of another kind, or broken as a whole.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = "".join((suffixes[:-1] if packed else suffixes)[-1:])
    if kind not in KINDS or (packed and kind == ".parquet"):
        raise CollectError(
            f"unknown kind of file {''.join(path.suffixes)!r}",
            where=str(path),
            hint=f"source.path must end in one of {', '.join(KINDS)}",
        )
    try:
        if kind == ".parquet":
            yield from _parquet(path)
            return
        with (gzip.open if packed else open)(path, "rb") as stream:
            read = {".csv": _cells, ".tsv": _cells, ".json": _json}.get(kind, _jsonl)
            yield from read(cast("BinaryIO", stream), path)
    except UnicodeDecodeError as error:
        raise CollectError(
            f"not UTF-8 (byte {error.start})", where=str(path), hint="save it as UTF-8"
        ) from None
    except (OSError, EOFError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> CollectError:
    """The error for a file of the user's that is not there or cannot be read."""
    return CollectError(
        f"cannot read the file: {getattr(error, 'strerror', None) or error}",
        where=str(path),
        hint="paths of a source are taken from the folder that snakemake runs in",
    )


def year_of(value: Any) -> int | None:
    """The year of a number, of digits, or of a date as text or as an object."""
    if isinstance(value, bool) or value is None:
        return None
    if hasattr(value, "year"):
        return int(value.year)
    # spreadsheets make 2020.0 of 2020
    found = re.fullmatch(r"(\d{4})(?:[-/T ].*)?", str(value).strip().removesuffix(".0"), re.ASCII)
    return int(found[1]) if found else None


# ---- parts ------------------------------------------------------------------------------------


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
            if len(cells) > len(header):
                yield line, "more cells than the header has"
            elif 0 < len(cells) < len(header):
                yield line, "fewer cells than the header has"
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


def _jsonl(stream: BinaryIO, path: Path) -> Iterator[Numbered]:
    for line, raw in enumerate(stream, start=1):
        text = raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw
        if not text.strip():
            continue
        try:
            value = json.loads(text.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            yield line, f"not JSON in UTF-8 ({error})"
            continue
        yield line, value if isinstance(value, dict) else "not a JSON object"


def _json(stream: BinaryIO, path: Path) -> Iterator[Numbered]:
    """The rows of a list, or of the only list in an object: ``{"data": [{…}, {…}]}``."""
    text = stream.read().decode("utf-8-sig")
    decoder, blank = json.JSONDecoder(), re.compile(r"[ \t\r\n]*")
    position, line, counted = blank.match(text).end(), 1, 0  # type: ignore[union-attr]
    try:
        if text[position : position + 1] == "{":
            lists = [value for value in decoder.decode(text).values() if isinstance(value, list)]
            if len(lists) == 1:
                for number, value in enumerate(lists[0], start=1):
                    yield number, value if isinstance(value, dict) else "not a JSON object"
                return
        if text[position : position + 1] != "[":
            raise CollectError("not a JSON list of rows", where=str(path), hint="[{…}, {…}]")
        # element by element: a row's line is wanted, and one pass over the text is enough
        mark = "["
        while mark != "]":
            position = blank.match(text, position + 1).end()  # type: ignore[union-attr]
            if mark == "[" and text[position : position + 1] == "]":
                return
            line += text.count("\n", counted, position)
            counted = position
            value, position = decoder.raw_decode(text, position)
            yield line, value if isinstance(value, dict) else "not a JSON object"
            position = blank.match(text, position).end()  # type: ignore[union-attr]
            mark = text[position : position + 1]
            if mark not in (",", "]"):
                raise json.JSONDecodeError("',' or ']' expected", text, position)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f"{path}:{getattr(error, 'lineno', line)}"
        raise CollectError(f"not JSON ({error})", where=where) from None


def _parquet(path: Path) -> Iterator[Numbered]:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            batches = (batch.to_pylist() for batch in file.iter_batches(batch_size=1000))
            yield from enumerate(chain.from_iterable(batches), start=1)
    except ArrowInvalid as error:
        raise CollectError(f"not a Parquet file ({error})", where=str(path)) from None
