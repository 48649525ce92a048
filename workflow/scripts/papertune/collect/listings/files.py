"""Local files of titles, addresses and abstracts: JSON, JSONL, CSV.

A row has ``title``, ``paper_url`` or ``doi``, ``year`` and ``abstract``; the abstract may be empty
(the page is then fetched), and the year where documents are not split by year. A bad row is a
rejection with file and line; the others go on.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from papertune.collect.identifiers import document_id, located
from papertune.collect.texts.text import clean
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings import FilesSource

FIELDS = ("title", "paper_url", "doi", "year", "abstract")
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line (from 1), its fields, its year, and what is wrong with it."""

    line: int
    fields: dict[str, Any]
    year: int | None
    problem: str = ""


def read_rows(template: str, year: int) -> Iterator[Document | Rejection]:
    """The documents of a year's rows, in the order of the file.

    A row that nobody can tell the year of is rejected with every year, under the same key.

    Args:
        template: Path of the file; ``{year}`` stands for the year, if it is there.
        year: The year asked for; rows of other years are passed over. 0 asks for all rows, with
            a year or without.

    Raises:
        CollectError: there is no such file, it is none of the three kinds, broken as a whole, or
            has no row of the year.
    """
    path = path_of(template, year)
    rows = _rows(path)
    mine = [row for row in rows if not year or row.year in (year, None)]
    if year and not any(row.year == year for row in mine):
        others = sorted({row.year for row in rows if row.year is not None})
        bad = next((f"{path}:{row.line}: {row.problem or no_year(row)}" for row in mine), "")
        raise CollectError(
            f"no row of {year}" + (f"; first bad row: {bad}" if bad else ""),
            where=str(path),
            hint=f"the file has the years {others[0]}–{others[-1]}; set splits to years it has"
            if others
            else "write rows with title, paper_url or doi, year and abstract",
        )
    for row in mine:
        where = f"{path}:{row.line}"
        problem = row.problem or (no_year(row) if year and row.year is None else "")
        if problem:
            title = clean(str(row.fields.get("title") or ""))
            yield Rejection("list", where, "bad_row", f"{problem}: {title}".strip(": "))
            continue
        doi, url = (str(row.fields.get(key) or "").strip() for key in ("doi", "paper_url"))
        text = clean(str(row.fields.get("abstract") or ""))
        identity, doi, page = located(doi, url)
        yield Document(
            id=identity or document_id(url),
            title=clean(str(row.fields["title"])),
            url=page or url,
            year=row.year or 0,
            text=text,
            found_by="listing" if text else "",
            doi=doi,
        )


def no_year(row: Row) -> str:
    """What is wrong with a row whose year is asked for and is not there."""
    return f"no year but {row.fields.get('year')!r}"


def list_documents(
    session: Any, source: FilesSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """:func:`read_rows` as a listing; nobody is asked."""
    return read_rows(source.path, year)


def listed_digest(source: FilesSource, year: int) -> str:
    """:func:`rows_digest` of a source."""
    return rows_digest(source.path, year)


def rows_digest(template: str, year: int) -> str:
    """A digest of the year's rows of a file: other years' rows, order and formatting are no part.

    Parses a file once per process.

    Raises:
        CollectError: as :func:`read_rows`, but a year without rows has a digest too.
    """
    return _digests(*_stamp(path_of(template, year))).get(year, "")


def path_of(template: str, year: int | str) -> Path:
    """The file of a year."""
    return Path(template.replace("{year}", str(year)))


# ---- parsing, once per process and version of a file ------------------------------------------


def _stamp(path: Path) -> tuple[Path, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise CollectError(
            f"cannot read the file: {error.strerror}",
            where=str(path),
            hint="source.path is taken from the folder that snakemake runs in",
        ) from None
    if path.suffix.lower() not in SUFFIXES:
        raise CollectError(
            f"unknown kind of file {path.suffix!r}",
            where=str(path),
            hint=f"source.path must end in one of {', '.join(SUFFIXES)}",
        )
    return path, status.st_mtime_ns, status.st_size


def _rows(path: Path) -> tuple[Row, ...]:
    return _parsed(*_stamp(path))


@lru_cache(maxsize=64)
def _parsed(path: Path, modified: int, size: int) -> tuple[Row, ...]:
    return tuple(_checked(line, value) for line, value in _values(path))


def _values(path: Path) -> Iterator[tuple[int, Any]]:
    """Lines and what stands there: an object, or what is wrong with it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CollectError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    suffix = path.suffix.lower()
    read = {".csv": _from_csv, ".json": _from_json}.get(suffix, _from_jsonl)
    yield from read(raw, path)


@lru_cache(maxsize=64)
def _digests(path: Path, modified: int, size: int) -> dict[int, str]:
    # rows are not checked and not kept: every plan of every run waits for this
    years: dict[int, list[bytes]] = {}
    for _, value in _values(path):
        named = _named(value) if isinstance(value, dict) else {}
        year = _year(named.get("year"))
        if year is not None:
            fields = {key: str(named[key]) for key in FIELDS if named.get(key)}
            # ASCII, so that half a surrogate pair cannot break the hash
            line = json.dumps(fields).encode()
            years.setdefault(year, []).append(hashlib.sha256(line).digest())
    return {
        year: hashlib.sha256(b"".join(sorted(rows))).hexdigest() for year, rows in years.items()
    }


def _checked(line: int, value: Any) -> Row:
    if isinstance(value, str):
        return Row(line, {}, None, value)
    if not isinstance(value, dict):
        return Row(line, {}, None, "not an object with title, paper_url or doi, year, abstract")
    fields = _named(value)
    year = _year(fields.get("year"))
    problem = ""
    if not isinstance(fields.get("title"), str) or not fields["title"].strip():
        problem = "no title"
    elif not isinstance(fields.get("abstract") or "", str):
        problem = "the abstract is no text"
    elif not all(isinstance(fields.get(key) or "", str) for key in ("paper_url", "doi")):
        problem = "paper_url or doi is no text"
    elif not any(str(fields.get(key) or "").strip() for key in ("paper_url", "doi")):
        problem = "neither paper_url nor doi"
    else:
        doi, url = (str(fields.get(key) or "").strip() for key in ("doi", "paper_url"))
        try:
            if not located(doi, url)[0] and not (url and document_id(url)):
                problem = "no DOI and no paper_url"
        except ValueError as error:
            problem = f"paper_url is no url ({error})"
    return Row(line, fields, year, problem)


def _named(value: dict[str, Any]) -> dict[str, Any]:
    """A row's fields under their own names, as a heading may differ in case and blanks."""
    return {str(key).strip().lower(): item for key, item in value.items()}


def _year(value: Any) -> int | None:
    """A year as a number or as digits."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    text = text.removesuffix(".0")  # what spreadsheets make of whole numbers
    return int(text) if text.isascii() and text.isdigit() and len(text) == 4 else None


def _from_jsonl(raw: bytes, path: Path) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text.decode("utf-8"))
            yield line, value if isinstance(value, dict) else [value]
        except (ValueError, RecursionError) as error:
            yield line, f"not JSON in UTF-8 ({error})"


def _from_json(raw: bytes, path: Path) -> Iterator[tuple[int, Any]]:
    text = _decoded(raw, path)
    decoder = json.JSONDecoder()
    # element by element: a row's line is wanted, and one pass over the text is enough
    position, line, counted = _skip(text, 0), 1, 0
    if text[position : position + 1] != "[":
        raise CollectError("not a JSON list of rows", where=str(path), hint="[{…}, {…}]")
    position = _skip(text, position + 1)
    while text[position : position + 1] != "]":
        line += text.count("\n", counted, position)
        counted = position
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise CollectError(f"not JSON ({error})", where=f"{path}:{line}") from None
        yield line, value if isinstance(value, dict) else [value]
        position = _skip(text, end)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            line += text.count("\n", counted, position)
            raise CollectError("not JSON (',' or ']' expected)", where=f"{path}:{line}")


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _from_csv(raw: bytes, path: Path) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(10_000_000)
    reader = csv.DictReader(io.StringIO(_decoded(raw, path), newline=""))
    try:
        header = {str(name).strip().lower() for name in reader.fieldnames or []}
        missing = {"title", "abstract"} - header
        if missing or not header & {"paper_url", "doi"}:
            raise CollectError(
                f"the header lacks {', '.join(sorted(missing)) or 'paper_url or doi'}",
                where=f"{path}:1",
                hint="the columns are title, paper_url or doi, year (where documents are split by "
                "year), abstract",
            )
        line = reader.line_num + 1
        for row in reader:
            extra = row.pop(None, None) if None in row else None
            yield line, "more cells than columns" if extra else dict(row)
            line = reader.line_num + 1
    except csv.Error as error:
        raise CollectError(f"not CSV ({error})", where=f"{path}:{reader.line_num}") from None


def _decoded(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CollectError(
            "not UTF-8", where=f"{path}:{line}", hint="save the file as UTF-8"
        ) from None
