"""Find the header among a table's first rows, as titles and remarks may be above it."""

import csv
import re
from collections.abc import Sequence
from typing import Any

from papertune.collect.identifiers import doi_of, host_of
from papertune.collect.listings.names import NAMES, plain

MOST = 40  # rows that are examined
_LONG = 80  # characters of a name, at most
_SEPARATORS = ",;\t|"
_REMARK = re.compile(r"\s*(?:#|%|//)\s*\w")


def header_at(rows: Sequence[Sequence[Any]]) -> int:
    """The index of the header among the first rows; 0 if no other is certain.

    Above it may be rows of one cell, remarks, and rows of fewer cells with no or few column names.
    """
    filled = [[cell for cell in row if cell not in (None, "")] for row in rows[:MOST]]
    for place, cells in enumerate(filled):
        if place and len(cells) > 1 and _may_name(cells) and not _REMARK.match(str(cells[0])):
            below = [len(_names(row)) for row in filled[place + 1 :] if len(row) > len(cells)]
            if len(_names(cells)) > 2 or max(below, default=0) < 3:
                return place
        if not _is_above(cells, filled[place + 1 :]):
            return 0
    return 0


def best_sheet(sheets: Sequence[Sequence[Sequence[Any]]]) -> int:
    """The index of the sheet with papers or questions, by its header; else the first wide one."""
    headers = [rows[header_at(rows)] for rows in sheets]
    named = [len(_names(header)) for header in headers]
    if max(named) > 1:
        return next(place for place, count in enumerate(named) if count > 1)
    wide = [len([cell for cell in header if cell not in (None, "")]) > 1 for header in headers]
    return wide.index(True) if True in wide else 0


def first_rows(lines: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The rows of a text's first lines, each with the index of its first line.

    The separator is the most frequent one in the first line that has any. Quoted cells may span
    lines.
    """
    parted = [line for line in lines if not _REMARK.match(line) and re.search(r"[,;\t|]", line)]
    reader = csv.reader(lines, delimiter=separator_of(parted[0]) if parted else ",")
    rows, start = [], 0
    for cells in reader:
        if any(cell.strip(" \ufeff") for cell in cells):
            rows.append((start, cells))
        start = reader.line_num
    return rows


def separator_of(line: str) -> str:
    """Comma, semicolon, tab or bar: the one that is most frequent in a line outside quotes."""
    return max(_SEPARATORS, key=re.sub(r'"[^"]*"', "", line).count)


def is_table(line: str) -> bool:
    """Whether a line certainly names columns, with separators other than tabs."""
    _, cells = next(iter(first_rows([line])), (0, []))
    return (
        line.lstrip()[:1] not in "{["
        and "\t" not in line
        and len(cells) > 1
        and bool(_names(cells))
    )


def unnamed(names: Sequence[str]) -> str:
    """The end of a hint if the first row has data in place of names; else an empty string."""
    if any(_is_data(name) for name in names) and not _names(names):
        return "; the first line must name the columns, and this one seems to have values"
    return ""


def _names(cells: Sequence[Any]) -> list[Any]:
    return [cell for cell in cells if isinstance(cell, str) and plain(cell) in NAMES]


def _may_name(cells: Sequence[Any]) -> bool:
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    return len({*texts}) == len(cells) and not any(map(_is_data, texts))


def _is_above(cells: Sequence[Any], below: Sequence[Sequence[Any]]) -> bool:
    """Whether a row is above the header, judged by the rows below it."""
    named = len(_names(cells))
    most = max(
        (len(_names(row)) for row in below if len(row) > len(cells) and _may_name(row)), default=0
    )
    if len(cells) < 2 or _REMARK.match(str(cells[0])):
        return not named or most > 1
    return most > 2 * max(named, 1) or (most > 0 and not named)


def _is_data(text: str) -> bool:
    text = text.strip()
    return (
        len(text) > _LONG
        or text.endswith(("?", "？", ".", "。"))
        or bool(re.fullmatch(r"[\d.,/-]+", text) or doi_of(text) or host_of(text))
    )
