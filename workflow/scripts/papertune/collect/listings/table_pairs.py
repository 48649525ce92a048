"""Ready-made pairs in local tables: translations, problems and their solutions, exams."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from papertune.collect.listings.rows import Numbered, Row, read_rows
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.identity import canonical, fingerprint
from papertune.records import Document, Rejection
from papertune.study.settings.qa import Columns, PairsSource

TITLE = 100  # characters of a question that stand for a title where there is none


def list_documents(
    session: PoliteSession | None, source: PairsSource, year: int = 0, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The pairs of a table, in its order.

    Args:
        session: Not used: nothing is fetched.
        source: The file and its columns.
        year: The year asked for; 0 where the source has no years.
        refresh: Not used: the file is read in any case.

    Raises:
        CollectError: the file cannot be read, or a column that was named is not in it.
    """
    path = Path(source.path.replace("{year}", str(year)))
    table = Table(
        columns=source.columns,
        where=source.where,
        limit=source.limit,
        place=str(path),
        # the file's name, not its folder: it may lie elsewhere on another machine
        name=f"pairs:{path.name}",
    )
    fixed = year if "{year}" in source.path else None
    for item in table.pairs(read_rows(path), fixed):
        if isinstance(item, Rejection) or item.year == year:
            yield item


def rows_digest(source: PairsSource, year: int) -> str:
    """A digest of a year's pairs: other rows, order and formatting are no part.

    Reads a file once per process, as every plan of every run waits for it.

    Raises:
        CollectError: as :func:`list_documents`.
    """
    path = Path(source.path.replace("{year}", str(year)))
    try:
        status = path.stat()
    except OSError as error:
        raise CollectError(
            f"cannot read the file: {error.strerror}",
            where=str(path),
            hint="source.path is taken from the folder that snakemake runs in",
        ) from None
    fixed = year if "{year}" in source.path else None
    settings = source.model_dump_json(by_alias=True)
    return _digests(settings, str(path), fixed, status.st_mtime_ns, status.st_size).get(year, "")


@lru_cache(maxsize=64)
def _digests(
    settings: str, path: str, fixed: int | None, modified: int, size: int
) -> dict[int, str]:
    source = PairsSource.model_validate_json(settings)
    table = Table(source.columns, source.where, source.limit, path, f"pairs:{Path(path).name}")
    years: dict[int, list[bytes]] = {}
    for item in table.pairs(read_rows(Path(path)), fixed):
        if isinstance(item, Document):
            said = canonical(asdict(item)).encode("utf-8", "surrogatepass")
            years.setdefault(item.year, []).append(hashlib.sha256(said).digest())
    return {
        year: hashlib.sha256(b"".join(sorted(rows))).hexdigest() for year, rows in years.items()
    }


class Table:
    """What a configuration makes of a table's rows.

    Args:
        columns: Which column is what.
        where: Column → value: rows with another one are passed over.
        limit: At most so many pairs of a year.
        place: The table, for people; rows are named below it.
        name: The table, for identities.
    """

    def __init__(
        self,
        columns: Columns,
        where: Mapping[str, Any],
        limit: int | None,
        place: str,
        name: str,
    ) -> None:
        self._columns, self._where, self._limit = columns, where, limit
        self._place, self._name = place, name
        self._unseen = {column for column in (*columns.identity().values(), *where) if column}

    def pairs(
        self, rows: Iterable[Numbered], fixed: int | None = None
    ) -> Iterator[Document | Rejection]:
        """The documents of all years, and the rows that are none.

        Args:
            rows: Lines and rows.
            fixed: The year of all rows, where no column says it.

        Raises:
            CollectError: a column that was named is in none of the rows.
        """
        counts: dict[int, int] = {}
        first: Row = {}
        for line, row in rows:
            key = f"{self._place}:{line}"
            if isinstance(row, str):
                yield Rejection("list", key, "bad_row", row)
                continue
            first = first or row
            self._unseen -= {column for column in self._unseen if _has(row, column)}
            if not all(_same(value_of(row, name), value) for name, value in self._where.items()):
                continue
            item = self._pair(row, key, fixed)
            if isinstance(item, Document):
                counts[item.year] = counts.get(item.year, 0) + 1
                if self._limit is not None and counts[item.year] > self._limit:
                    if self._columns.year:
                        continue  # another year may have fewer
                    break
            yield item
        if first and self._unseen:
            raise CollectError(
                f"no row has the column {', '.join(map(repr, sorted(self._unseen)))}",
                where=self._place,
                hint=f"the first row has {', '.join(_names(first))}; set source.columns and "
                "source.where to these",
            )

    def _pair(self, row: Row, key: str, fixed: int | None) -> Document | Rejection:
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
        year = fixed or 0
        if columns.year:
            found = _year(value_of(row, columns.year))
            if found is None:
                return Rejection("list", key, "no_year", f"{value_of(row, columns.year)!r}"[:100])
            year = found
        score = _number(value_of(row, columns.score)) if columns.score else None
        question = "\n".join(filter(None, (texts["context"], texts["question"])))
        # an id of the table's own stays when a pair is corrected
        identity = texts["id"] or fingerprint([question, texts["answer"]])
        title = texts["title"] or texts["question"].split("\n")[0]
        return Document(
            id=fingerprint([self._name, identity]),
            title=" ".join(title.split())[: None if texts["title"] else TITLE],
            url=f"{self._place}#{identity}",
            year=year,
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


def _has(row: Row, column: str) -> bool:
    return column in row or value_of(row, column) is not None


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
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if not isinstance(value, str):
        return None
    # half a surrogate pair cannot be written as UTF-8
    text = value.encode("utf-8", "ignore").decode("utf-8").replace("\r\n", "\n")
    text = text.replace("\r", "\n").replace("\x00", "").replace("\ufeff", "")
    return unicodedata.normalize("NFC", text).strip()


def _year(value: Any) -> int | None:
    """The year of a number, of digits, or of a date as text or as an object."""
    if isinstance(value, bool) or value is None:
        return None
    if hasattr(value, "year"):
        return int(value.year)
    text = str(value).strip().removesuffix(".0")
    digits = text[:4]
    whole = digits.isascii() and digits.isdigit() and len(digits) == 4
    return int(digits) if whole and (len(text) == 4 or text[4] in "-/T ") else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number - number == 0 else None  # neither infinite nor not a number
