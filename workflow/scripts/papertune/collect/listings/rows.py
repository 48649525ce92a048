"""Rows of local tables, one at a time: CSV, TSV, JSONL, JSON and Parquet."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from papertune.errors import CollectError

Row = dict[str, Any]
Numbered = tuple[int, Row | str]  # a line (in Parquet a row), and what is there or is wrong with it

LONGEST_CELL = 10_000_000  # characters


def read_rows(path: Path) -> Iterator[Numbered]:
    """Lines and rows of a table; a text in place of a row says what is wrong with it.

    Args:
        path: The file; its name ends in ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.json``,
            all of them perhaps with ``.gz``, or in ``.parquet``.

    Raises:
        CollectError: there is no such file, it is of another kind, or broken as a whole.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if packed else suffixes)[-1:]
    reader = _READERS.get(kind[0] if kind else "")
    if reader is None or (packed and kind == [".parquet"]):
        raise CollectError(
            f"unknown kind of file {''.join(path.suffixes)!r}",
            where=str(path),
            hint=f"source.path must end in one of {', '.join(sorted(_READERS))}",
        )
    try:
        yield from reader(path, gzip.open if packed else open)
    except UnicodeDecodeError as error:
        raise CollectError(
            f"not UTF-8 (byte {error.start})", where=str(path), hint="save it as UTF-8"
        ) from None
    except (OSError, EOFError) as error:
        raise CollectError(
            f"cannot read the file: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            hint="source.path is taken from the folder that snakemake runs in",
        ) from None


# ---- parts ------------------------------------------------------------------------------------

Opener = Callable[..., IO[Any]]


def _csv(path: Path, opener: Opener, **dialect: Any) -> Iterator[Numbered]:
    csv.field_size_limit(LONGEST_CELL)
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, strict=True, **dialect)
        line = 2
        while True:
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # a quote that is never closed takes the rest of the file with it
                raise CollectError(
                    f"not a table ({error})",
                    where=f"{path}:{line}",
                    hint="is a quote not closed, or not doubled?",
                ) from None
            if None in values:
                yield line, "more cells than the header has"
            elif None in values.values():
                yield line, "fewer cells than the header has"
            else:
                yield line, {str(name).strip(): value for name, value in values.items()}
            line = reader.line_num + 1


def _tsv(path: Path, opener: Opener) -> Iterator[Numbered]:
    # corpora of sentences are not quoted, and their quotes are those of the text
    return _csv(path, opener, delimiter="\t", quoting=csv.QUOTE_NONE)


def _jsonl(path: Path, opener: Opener) -> Iterator[Numbered]:
    with opener(path, "rb") as stream:
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


def _json(path: Path, opener: Opener) -> Iterator[Numbered]:
    with opener(path, "rt", encoding="utf-8-sig") as stream:
        try:
            values = json.load(stream)
        except (json.JSONDecodeError, RecursionError) as error:
            raise CollectError(
                f"not JSON ({error})", where=f"{path}:{getattr(error, 'lineno', 1)}"
            ) from None
    if isinstance(values, dict):  # {"data": [{…}, {…}]}
        lists = [value for value in values.values() if isinstance(value, list)]
        values = lists[0] if len(lists) == 1 else None
    if not isinstance(values, list):
        raise CollectError("not a JSON list of rows", where=str(path), hint="[{…}, {…}]")
    for number, value in enumerate(values, start=1):
        yield number, value if isinstance(value, dict) else "not a JSON object"


def _parquet(path: Path, opener: Opener) -> Iterator[Numbered]:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                for value in batch.to_pylist():
                    number += 1
                    yield number, value
    except ArrowInvalid as error:
        raise CollectError(f"not a Parquet file ({error})", where=str(path)) from None


_READERS: dict[str, Callable[[Path, Opener], Iterator[Numbered]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".parquet": _parquet,
}
