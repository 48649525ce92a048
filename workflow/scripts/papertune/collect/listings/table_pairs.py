"""Ready-made pairs in local tables: translations, problems and their solutions, exams."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from papertune.collect.identifiers import arxiv_id, doi_of
from papertune.collect.listings.by_year import Located
from papertune.collect.listings.rows import Numbered, Row, read_rows, year_of
from papertune.errors import CollectError
from papertune.identity import fingerprint
from papertune.records import Document, Rejection
from papertune.study.settings.notation import nearest
from papertune.study.settings.qa import PairsSource, TableSource

TITLE = 100  # characters of a question that stand for a title where there is none


def read(source: PairsSource, year: int) -> Iterator[Located]:
    """The pairs of a table, in its order.

    Raises:
        CollectError: the file cannot be read, or a column that was named is not in it.
    """
    for path in source.files_of(year):
        # the file's name, not its folder: it may lie elsewhere on another machine
        table = Table(source, place=str(path), name=f"pairs:{path.name}")
        yield from table.pairs(read_rows(path), year if "{year}" in source.path else None)


class Table:
    """What a configuration makes of a table's rows: ``place`` is for people, ``name`` for ids."""

    def __init__(self, source: TableSource, place: str, name: str) -> None:
        self._columns, self._where, self._limit = source.columns, source.where, source.limit
        self._place, self._name = place, name
        named = (*self._columns.identity().values(), *self._where)
        self._unseen = {column for column in named if column}

    def pairs(self, rows: Iterable[Numbered], fixed: int | None = None) -> Iterator[Located]:
        """The documents of all years, and the rows that are none; ``fixed`` is a year for all.

        Raises:
            CollectError: a column that was named is in none of the rows.
        """
        counts = Counter[int]()
        first: Row = {}
        for line, row in rows:
            key = f"{self._place}:{line}"
            if isinstance(row, str):
                yield key, fixed, Rejection("list", key, "bad_row", row)
                continue
            first = first or row
            self._unseen -= {c for c in self._unseen if c in row or value_of(row, c) is not None}
            if not all(_same(value_of(row, name), value) for name, value in self._where.items()):
                continue
            year = year_of(value_of(row, self._columns.year)) if self._columns.year else fixed
            item = self._pair(row, key, year)
            if isinstance(item, Document):
                counts[item.year] += 1
                if self._limit is not None and counts[item.year] > self._limit:
                    if self._columns.year:
                        continue  # another year may have fewer
                    break
            yield key, year, item
        if first and self._unseen:
            names, unseen = _names(first), sorted(self._unseen)
            raise CollectError(
                f"no row has the column {', '.join(map(repr, unseen))}{nearest(unseen[0], names)}",
                where=self._place,
                hint=f"the first row has {', '.join(names)}; set source.columns and "
                "source.where to these",
            )

    def _pair(self, row: Row, key: str, year: int | None) -> Document | Rejection:
        columns = self._columns
        texts: dict[str, str] = {}
        for part in ("question", "answer", "context", "title", "id"):
            column = getattr(columns, part)
            text = _text(value_of(row, column)) if column else ""
            if text is None:
                return Rejection("list", key, "bad_row", f"{column} is no text")
            if not text and part in ("question", "answer"):
                return Rejection("list", key, f"no_{part}", f"{column} is empty")
            texts[part] = text
        if columns.year and year is None:
            return Rejection("list", key, "no_year", f"{value_of(row, columns.year)!r}"[:100])
        score = _number(value_of(row, columns.score)) if columns.score else None
        question = "\n".join(filter(None, (texts["context"], texts["question"])))
        # an id of the table's own stays when a pair is corrected
        identity = texts["id"] or fingerprint([question, texts["answer"]])
        title = texts["title"] or texts["question"].split("\n")[0]
        return Document(
            # a DOI or an arXiv number is one id in any spelling
            id=fingerprint([self._name, arxiv_id(identity) or doi_of(identity) or identity]),
            title=" ".join(title.split())[: None if texts["title"] else TITLE],
            url=f"{self._place}#{identity}",
            year=year or 0,
            text=texts["answer"],
            found_by="listing",
            question=question,
            score=score,
        )


# ---- values -----------------------------------------------------------------------------------


def value_of(row: Row, column: str) -> Any:
    """A row's value; ``translation.en`` and ``answers.0`` lead into objects and lists."""
    if column in row:
        return row[column]
    value: Any = row
    for part in column.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _names(row: Row) -> list[str]:
    """The columns of a row, those of objects with their fields."""
    names: list[str] = []
    for name, value in row.items():
        names += [f"{name}.{field}" for field in value] if isinstance(value, dict) else [str(name)]
    return names[:30]


def _same(value: Any, wanted: Any) -> bool:
    """Equal, also as text: a CSV file has no numbers."""
    return value == wanted or (value is not None and str(value).lower() == str(wanted).lower())


def _text(value: Any) -> str | None:
    """A value as text, its lines kept; None where it is none."""
    if value is None or value != value:  # not a number, which tables make of nothing
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if not isinstance(value, str):
        return None
    # half a surrogate pair cannot be written as UTF-8
    text = re.sub("\r\n?", "\n", value.encode("utf-8", "ignore").decode("utf-8"))
    text = re.sub("[\x00\ufeff]", "", text)
    return unicodedata.normalize("NFC", text).strip()


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
