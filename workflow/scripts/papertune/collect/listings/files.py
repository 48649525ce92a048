"""Local files of titles, addresses and abstracts.

A row has ``title``, ``paper_url`` or ``doi``, ``year`` and ``abstract``; the abstract may be empty
(the page is then fetched), and the year where documents are not split by year. A column of one's own
may have its category. A bad row is a rejection with file and line; the others go on.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from papertune.collect.identifiers import document_id, located
from papertune.collect.listings.by_year import Located
from papertune.collect.listings.rows import Row, Run, raw_rows, runs, text_in, year_of
from papertune.collect.texts.missing import is_no_text
from papertune.collect.texts.text import clean, clean_lines
from papertune.errors import CollectError, without_keys
from papertune.records import Document, Rejection
from papertune.sentences import flat
from papertune.study.settings.listings import FilesSource
from papertune.study.settings.notation import nearest

TABLES = (".csv", ".tsv", ".parquet")  # whose columns are those of the first row


def read(source: FilesSource, year: int) -> Iterator[Run]:
    """The rows of a source's file, in their order.

    Raises:
        CollectError: there is no such file, it is of another kind or broken as a whole, or it is a
            table without a column that is needed, or no row has the category's.
    """
    category = source.columns.category.strip().lower()
    needed = {category} - {""}
    for path in source.files_of(year):
        first, unseen = Row(), needed
        for run in runs(raw_rows(path, source.encoding)):
            if not first:
                first = next((row for _, row in run if isinstance(row, dict)), first)
                if first and any(kind in path.name.lower() for kind in TABLES):
                    _check(first, path)
            run.place, run.make, run.unseen = str(path), partial(_items, category), {*needed}
            yield run
            unseen = unseen & run.unseen
        if first and unseen:
            raise CollectError(
                f"no row has the column {category!r}{nearest(category, _fields(first))}",
                where=str(path),
                hint=f"the first row has {', '.join(_fields(first))}; set source.columns.category",
            )


def _check(first: Row, path: Path) -> None:
    fields = _fields(first)
    missing = [name for name in ("title", "abstract") if name not in fields]
    if not {"paper_url", "doi"} & set(fields):
        missing.append("paper_url or doi")
    if missing:
        raise CollectError(
            f"the header lacks {', '.join(missing)}{nearest(missing[0], fields)}",
            where=f"{path}:1",
            hint=f"it has {', '.join(fields)}; the columns are title, paper_url or doi, "
            "year (where documents are split by year), abstract",
        )


def _fields(row: Row) -> Row:
    # a heading may differ in case and blanks
    return {str(name).strip().lower(): value for name, value in row.items()}


def _items(category: str, run: Run) -> Iterator[Located]:
    for line, row in run:
        where = f"{run.place}:{line}"
        if isinstance(row, str):
            yield where, None, Rejection("list", where, "bad_row", row)
            continue
        fields = _fields(row)
        run.unseen -= {*fields}
        printed = year_of(fields.get("year"))
        yield where, printed, _item(fields, printed or 0, where, category)


def _item(fields: dict[str, Any], year: int, where: str, category: str) -> Document | Rejection:
    names = ("title", "doi", "paper_url", "abstract")
    wrong = [name for name in names if not isinstance(fields.get(name) or "", str)]
    own = text_in(fields.get(category)) if category else ""
    wrong += [category] * (own is None)
    title, doi, url = (str(fields.get(name) or "").strip() for name in names[:3])
    url = without_keys(url)
    identity, known, page = located(doi, url)
    problem = f"{doi!r} is no DOI" if doi else "" if url else "neither paper_url nor doi"
    try:
        identity = identity or (url and document_id(url))
    except ValueError as error:
        problem = f"paper_url is no url ({error})"
    if wrong or not title:
        identity, problem = "", f"{wrong[0]} is no text" if wrong else "no title"
    if not identity:
        return Rejection("list", where, "bad_row", f"{problem}: {clean(title)}".strip(": "))
    text = clean_lines(str(fields.get("abstract") or ""))
    text = "" if is_no_text(text) else text
    found_by = "listing" if text else ""
    return Document(
        identity,
        clean(title),
        page or url,
        year,
        text,
        found_by,
        doi=known,
        category=flat(own or ""),
    )
