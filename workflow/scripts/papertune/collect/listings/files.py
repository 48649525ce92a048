"""Local files of titles, addresses and abstracts.

A row has ``title``, ``paper_url`` or ``doi``, ``year`` and ``abstract``; the abstract may be empty
(the page is then fetched), and the year where documents are not split by year. A bad row is a
rejection with file and line; the others go on.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from papertune.collect.identifiers import document_id, located
from papertune.collect.listings.by_year import Located
from papertune.collect.listings.rows import read_rows, year_of
from papertune.collect.texts.text import clean
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.listings import FilesSource
from papertune.study.settings.notation import nearest

FIELDS = ("title", "paper_url", "doi", "year", "abstract")
TABLES = (".csv", ".tsv", ".parquet")  # whose columns are those of the first row
# what tables say where there is no abstract
_NONE = re.compile(r"(?:n/?a|nan|none|null|-+|no abstract(?: available)?)\.?", re.IGNORECASE)


def read(source: FilesSource, year: int) -> Iterator[Located]:
    """The rows of a source's file, in their order.

    Raises:
        CollectError: there is no such file, it is of another kind or broken as a whole, or it is a
            table without a column that is needed.
    """
    for path in source.files_of(year):
        unchecked = any(kind in path.name.lower() for kind in TABLES)
        for line, row in read_rows(path):
            where = f"{path}:{line}"
            if isinstance(row, str):
                yield where, None, Rejection("list", where, "bad_row", row)
                continue
            # a heading may differ in case and blanks
            fields = {str(name).strip().lower(): value for name, value in row.items()}
            if unchecked:
                _check(fields, path)
                unchecked = False
            yield where, year_of(fields.get("year")), _item(fields, where)


def _check(fields: dict[str, Any], path: Path) -> None:
    missing = [name for name in ("title", "abstract") if name not in fields]
    if not {"paper_url", "doi"} & set(fields):
        missing.append("paper_url or doi")
    if missing:
        raise CollectError(
            f"the header lacks {', '.join(missing)}{nearest(missing[0], fields)}",
            where=f"{path}:1",
            hint=f"it has {', '.join(fields)}; the columns are title, paper_url or doi, year (where "
            "documents are split by year), abstract",
        )


def _item(fields: dict[str, Any], where: str) -> Document | Rejection:
    texts = {name: fields.get(name) or "" for name in FIELDS if name != "year"}
    wrong = next((name for name, text in texts.items() if not isinstance(text, str)), "")
    title, doi, url = (str(texts[name]).strip() for name in ("title", "doi", "paper_url"))
    problem = f"{wrong} is no text" if wrong else "" if title else "no title"
    identity, known, page = located(doi, url)
    try:
        identity = identity or (url and document_id(url))
    except ValueError as error:
        problem = problem or f"paper_url is no url ({error})"
    if problem or not identity:
        problem = problem or (f"{doi!r} is no DOI" if doi else "neither paper_url nor doi")
        return Rejection("list", where, "bad_row", f"{problem}: {clean(title)}".strip(": "))
    text = clean(str(texts["abstract"]))
    text = "" if _NONE.fullmatch(text) else text
    return Document(
        id=identity,
        title=clean(title),
        url=page or url,
        year=year_of(fields.get("year")) or 0,
        text=text,
        found_by="listing" if text else "",
        doi=known,
    )
