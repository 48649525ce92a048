"""Local files of titles, links and abstracts.

A row has ``title``, ``paper_url`` or ``doi``, ``year`` and ``abstract``, under the names in the
settings or the usual names in exports. The abstract may be empty (the page is then fetched), and so
may the year if documents are not split by year. A column may have the category. A bad row is a
rejection with file and line; the others are read.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from urllib.parse import quote

from papertune.collect.identifiers import address_in, document_id, located
from papertune.collect.listings.by_year import Located
from papertune.collect.listings.columns import Reader
from papertune.collect.listings.rows import Row, Run, raw_rows, runs, text_in
from papertune.collect.listings.years import year_of
from papertune.collect.texts.endings import own_abstract
from papertune.collect.texts.missing import is_missing, is_no_text, is_no_title
from papertune.collect.texts.text import clean, clean_lines
from papertune.errors import CollectError, without_keys
from papertune.records import Document, Rejection
from papertune.sentences import flat
from papertune.study.settings.listings import FilesSource
from papertune.study.settings.notation import nearest

LONGEST_ABSTRACT = 5_000  # characters
# the text of a link, which is all that a spreadsheet's cell may contain of it
_OF_LINKS = re.compile(
    r"(?:click |see )?(?:here|this)|(?:click|open|view|go|link|links?|url|doi|pdf|html|web|website|page"
    r"|source|download|full ?text|article|paper|abstract|hier|ici|aquí|链接|リンク)[\s.!>→]*",
    re.IGNORECASE,
)


def read(source: FilesSource, year: int) -> Iterator[Run]:
    """The rows of a source's file, in their order.

    Raises:
        CollectError: the file is missing, of another kind or broken as a whole, or a needed column
            is missing or ambiguous.
    """
    reader = Reader(source.columns)
    fixed = year if "{year}" in source.path else None
    for path in source.files_of(year):
        first, unseen = Row(), {*reader.named.values()}
        for run in runs(raw_rows(path, source.encoding)):
            rows = [row for _, row in run if isinstance(row, dict)] if not first else []
            if rows:
                first = rows[0]
                reader.check(rows, str(path), dated=bool(year and not fixed))
            run.place, run.make = str(path), partial(_items, reader, fixed)
            run.unseen = {*reader.named.values()}
            yield run
            unseen = unseen & run.unseen
        if first and unseen:
            missing, names = sorted(unseen), list(map(str, first))
            raise CollectError(
                f"no row has the column {', '.join(map(repr, missing))}{nearest(missing[0], names)}",
                where=str(path),
                hint=f"the first row has {', '.join(names)}; set source.columns to these",
            )


def _items(reader: Reader, fixed: int | None, run: Run) -> Iterator[Located]:
    for line, row in run:
        where = f"{run.place}:{line}"
        if isinstance(row, str):
            yield where, fixed, Rejection("list", where, "bad_row", row)
            continue
        if run.unseen:
            run.unseen &= reader.lacking(row, run.unseen)
        fields = reader.fields(row)
        said = fields["year"]
        printed = year_of(said)
        if fixed and (said is None or is_missing(str(said))):
            printed = fixed
        yield where, printed, _item(fields, printed or 0, where, reader.named)


def _item(fields: Row, year: int, where: str, named: Mapping[str, str]) -> Document | Rejection:
    title, own, abstract = (text_in(fields.get(name)) for name in ("title", "category", "abstract"))
    doi, url = (fields.get(name) or "" for name in ("doi", "paper_url"))
    texts = {"title": title, "doi": doi, "paper_url": url, "abstract": abstract, "category": own}
    if wrong := [name for name, text in texts.items() if not isinstance(text, str)]:
        detail = f"{named.get(wrong[0], wrong[0])} is no text: {clean(title or '')}".strip(": ")
        return Rejection("list", where, "bad_row", detail)
    doi, url = ("" if is_missing(text) else address_in(text) for text in (doi, url))
    url = without_keys(url)
    identity, known, page = located(doi, url)
    problem = f"{doi!r} is no DOI" if doi else "" if url else "neither paper_url nor doi"
    try:
        identity = identity or (url and document_id(url))
    except ValueError as error:
        problem = f"paper_url is no url ({error})"
    title = clean(title or "")
    if is_no_title(title):
        identity, problem = "", "no title"
    text = clean_lines(abstract or "")
    text = "" if is_no_text(text) else text
    if text and not (identity or doi or url or is_no_title(title)):
        # nothing has to be fetched, so the title can identify it
        identity = document_id(f"title:{quote(flat(title).casefold(), safe='')}")
    if not identity:
        return Rejection("list", where, "bad_row", f"{problem}: {title}".strip(": "))
    # with a text, any value that identifies it is enough
    if url and not page and (not text or _OF_LINKS.fullmatch(url)):
        return Rejection("list", where, "bad_row", f"{url!r} is neither a url nor a DOI: {title}")
    if len(text) <= LONGEST_ABSTRACT:  # a longer text is a whole document and stays as it is
        own_text = own_abstract(text, title)
        text = (
            text if own_text == flat(text) else own_text
        )  # remaining line breaks are those of code
    found_by = "listing" if text else ""
    return Document(
        identity,
        title,
        page or url,
        year,
        text,
        found_by,
        doi=known,
        category=flat(own or ""),
    )
