"""Tables of cells, row by row: CSV, TSV, spreadsheets saved as text, and Excel workbooks."""

import csv
import logging
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, BinaryIO

from papertune.collect.listings.encodings import encoding_of
from papertune.collect.listings.headers import (
    MOST,
    best_sheet,
    first_rows,
    header_at,
    is_table,
    separator_of,
)
from papertune.collect.listings.quoting import is_quoted
from papertune.errors import CollectError

log = logging.getLogger("papertune")

LONGEST_CELL = 10_000_000  # characters
BEGINNING = 2**20  # bytes that are examined for quotes
LARGEST_WORKBOOK = 2**29  # bytes when unpacked
_SEPARATOR = re.compile(r'\ufeff?"?sep=(.)"?\s*', re.IGNORECASE)
_OF_R = re.compile(r'(?:"[^"]*" )+"[^"]*"\s*')  # the default of R's write.table
_NUMBERED = re.compile(r"(?:unnamed: \d+)?")  # pandas' name of an index column


def named(header: Iterable[Any], where: str) -> list[str]:
    """The names of a table's columns; an empty string for a column without one.

    Raises:
        CollectError: two columns have the same name.
    """
    names = ["" if name is None else str(name).strip("\ufeff\u200b \t\r\n\xa0") for name in header]
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if name and name in seen:
            raise CollectError(
                f"two columns are called {name!r}, number {seen[name]} and number {place}",
                where=where,
                hint="rename one of them, or delete it",
            )
        seen[name] = place
    return ["" if _NUMBERED.fullmatch(name.lower()) else name for name in names]


def row_of(names: Sequence[str], cells: Sequence[Any]) -> dict[str, Any] | str | None:
    """The row that cells make: a dict, a text that says what is wrong with it, or None if empty."""
    if all(cell is None or cell == "" for cell in cells):
        return None
    if len(cells) < len(names):
        return "fewer cells than the header has"
    if any(cell not in (None, "") for cell in cells[len(names) :]):
        return "more cells than the header has"
    return {name: cell for name, cell in zip(names, cells, strict=False) if name}


def text_cells(
    stream: BinaryIO, path: Path, encoding: str
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The rows of a text file, each with the number of its first line.

    Raises:
        CollectError: a quote is not closed, or two columns have the same name.
    """
    csv.field_size_limit(LONGEST_CELL)
    kind = encoding_of(stream, encoding)
    begin = stream.read(BEGINNING).decode(kind, "ignore")
    stream.seek(0)
    text = TextIOWrapper(stream, encoding="utf-8-sig" if kind == "utf-8" else kind, newline="")
    lines = [*islice(text, MOST)]
    said = _SEPARATOR.fullmatch(lines[0]) if lines else None
    after = bool(said)
    rows = first_rows(lines[after:])
    start = after + (rows[header_at([row for _, row in rows])][0] if rows else 0)
    head = "".join(lines[start : start + 1])
    dialect = _dialect(head, begin, path, kind, said[1] if said else "")
    reader = csv.reader(chain(lines[start:], text), **dialect)
    line = before = start + 1
    try:
        names = named(next(reader, []), f"{path}:{before}")
        line = reader.line_num + before
        for place, cells in enumerate(reader):
            if head[:1] == '"' and (place, cells[:1], len(cells)) == (0, ["1"], len(names) + 1):
                names = ["", *names]  # R does not name the column of row numbers
            if (row := row_of(names, cells)) is not None:
                yield line, row
            line = reader.line_num + before
    except csv.Error as error:
        # an unclosed quote swallows the rest of the file
        raise CollectError(
            f"not a table ({error})",
            where=f"{path}:{line}",
            hint="look for a quote that is not closed, or not doubled",
        ) from None


def _dialect(head: str, begin: str, path: Path, encoding: str, separator: str) -> dict[str, Any]:
    if re.search(r"\.(?:tsv|tab|txt)\b", path.name.lower()) and (separator or not is_table(head)):
        if not separator and "\t" not in head and not re.search(r"\.tsv\b", path.name.lower()):
            raise CollectError(
                "not a table: its first line has no tabs, which separate the columns of such files",
                where=str(path),
                hint="save it as CSV in UTF-8, or as .xlsx",
            )
        # corpora of sentences are not quoted, and their quotes belong to the text; Excel, which
        # saves such files in UTF-16, quotes cells
        if head.startswith('"') or encoding.startswith("utf-16"):
            return {"delimiter": separator or "\t"}
        if is_quoted(begin, head.count("\t") + 1):
            return {"delimiter": "\t", "strict": True}
        return {"delimiter": separator or "\t", "quoting": csv.QUOTE_NONE}
    if not separator and _OF_R.fullmatch(head):
        return {"delimiter": " ", "strict": True}
    found = separator or separator_of(head)
    # written by hand: title, doi, year
    after = [part[:1] for part in head.split(found)[1:]]
    spaced = found != "\t" and " " in after and {*after} <= {" ", "\r", "\n", ""}
    return {"delimiter": found, "strict": True, "skipinitialspace": spaced}


def workbook_cells(stream: BinaryIO, path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The rows of a workbook's first sheet with papers or questions; formulas as their values.

    Raises:
        CollectError: it is no workbook, is too large, or several sheets have the same columns.
    """
    try:
        import openpyxl  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        hint = "run `make install`, or save the sheet as CSV in UTF-8"
        raise CollectError("reading it needs openpyxl", where=str(path), hint=hint) from None
    try:
        with zipfile.ZipFile(stream) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > LARGEST_WORKBOOK:
            raise CollectError(
                f"a workbook of {size:,} bytes when unpacked",
                where=str(path),
                hint="save it as CSV",
            )
        with warnings.catch_warnings(action="ignore"):  # about unknown styles
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            found = [(sheet.title, rows) for sheet in book.worksheets if (rows := _filled(sheet))]
    except CollectError:
        raise
    except Exception as error:  # the parser may fail in any way on other files
        said = "perhaps an old .xls, or with a password" if _is_old(stream) else str(error)[:200]
        hint = "open it in the spreadsheet and save it as .xlsx, or as CSV in UTF-8"
        raise CollectError(f"not a workbook ({said})", where=str(path), hint=hint) from None
    if found:
        found.insert(0, found.pop(best_sheet([[row for _, row in rows] for _, rows in found])))
    for title, rows in found[:1]:
        (line, header), *others = rows[header_at([row for _, row in rows[:MOST]]) :]
        names = named(_trimmed(header), f"{path}, sheet {title}, row {line}")
        heads = [
            (name, others[header_at([row for _, row in others])][1]) for name, others in found[1:]
        ]
        again = [name for name, head in heads if _trimmed(head) == _trimmed(header)]
        if again:
            raise CollectError(
                f"besides {title!r} these sheets have rows of the same columns: {', '.join(again)}",
                where=str(path),
                hint="put the rows into one sheet, or save each sheet as a CSV in UTF-8",
            )
        if len(found) > 1:
            left = ", ".join(repr(name) for name, _ in found[1:])
            log.warning("%s: sheet %r is read, not %s", path, title, left)
        for place, cells in others:
            row = row_of(names, [*cells, *[None] * (len(names) - len(cells))])
            if row is not None:
                yield place, row


def _filled(sheet: Any) -> list[tuple[int, list[Any]]]:
    sheet.reset_dimensions()  # some programs write wrong ones
    rows = ((number, [_value(v) for v in row]) for number, row in enumerate(sheet.values, start=1))
    return [(number, row) for number, row in rows if any(v not in (None, "") for v in row)]


def _value(value: Any) -> Any:
    """A cell's value for JSON: dates and times as ISO text, dates without a time of day."""
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date().isoformat()
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return value.isoformat() if isinstance(value, date) else str(value)


def _trimmed(header: list[Any]) -> list[Any]:
    while header and header[-1] in (None, ""):
        header = header[:-1]
    return header


def _is_old(stream: IO[bytes]) -> bool:
    stream.seek(0)
    return stream.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
