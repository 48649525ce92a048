"""Crossref: works of a journal, proceedings or conference and year, and single abstracts.

Abstracts come in JATS, and only where the publisher deposited them. The contact goes with every
request, which Crossref rewards with a faster pool.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from papertune.collect.identifiers import doi_of
from papertune.collect.listings.entries import entry_item
from papertune.collect.listings.services import Service, Work, mailto, whole, whole_number, within
from papertune.collect.lookups import Outcome
from papertune.collect.texts.text import clean, text_of, without_preambles
from papertune.collect.texts.titles import normalised
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import CrossrefSource, Lookups

PAGE_SIZE = 200  # of 1,000 that are allowed, which take longer than a session waits
LISTED = "DOI,title,subtitle,abstract,issued,type,container-title,event"
LOOKED_UP = "DOI,title,subtitle,abstract,issued"


def list_documents(
    session: PoliteSession, source: CrossrefSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The works of a venue and year, with the abstracts that publishers deposited.

    A search by ``event``, or by a title with a comma, is fuzzy and the best come first: works of
    other venues are rejected, and a page of nothing else is the last.

    Raises:
        CollectError: an answer cannot be had, or Crossref does not understand the query.
    """
    filters = f"from-pub-date:{year}-01-01,until-pub-date:{year}-12-31"
    asked: dict[str, Any] = {"select": LISTED, "rows": PAGE_SIZE}
    named = (source.container_title or source.event).replace("{year}", str(year))
    fuzzy = bool(source.event) or "," in named  # no value of a filter can have a comma
    if source.issn:
        filters += f",issn:{source.issn.upper()}"
    elif fuzzy:
        asked["query.event-name" if source.event else "query.container-title"] = named
    else:
        filters += f",container-title:{named}"

    def url(cursor: str) -> str:
        query = urlencode({**asked, "filter": filters, "cursor": cursor}, safe=":,*")
        return f"{source.url}/works?{query}"

    seen = total = 0
    for answer, works in SERVICE.pages(session, url, refresh, "*"):
        total = whole_number(within(answer, ("message", "total-results"))) or 0
        mine = [not fuzzy or _is_of(work, named, exactly=not source.event) for work in works]
        for work, fits in zip(works, mine, strict=True):
            yield _document(work, source, year, fits)
        seen += len(works)
        if seen >= total or (fuzzy and not any(mine)):
            return
    if seen < total and not fuzzy:
        raise CollectError(
            f"Crossref gives {seen} of {total} works",
            where=f"{source.url}/works?filter={filters}",
            hint="run again later: its cursors pass away",
        )


def resolve(session: PoliteSession, document: Document, lookups: Lookups) -> Outcome:
    """:meth:`Service.look_up` by the DOI."""
    doi = document.doi or doi_of(document.url)
    known = f"{lookups.crossref}/works/{quote(doi, safe='')}" if doi else ""
    asked = {"select": LOOKED_UP, "rows": 5}

    def search(words: str) -> str:
        query = urlencode({"query.bibliographic": words, **asked}, safe=",")
        return f"{lookups.crossref}/works?{query}"

    return SERVICE.look_up(session, document, lookups.title_match, known, search)


def _document(work: Work, source: CrossrefSource, year: int, mine: bool) -> Document | Rejection:
    doi = doi_of(str(work.get("DOI") or ""))
    title = next(iter(reversed(_titles(work))), "")  # with the subtitle
    key = doi or title
    if not mine:
        return Rejection("list", key, "other_venue", f"{title} ({_venue(work)})")
    if work.get("type") not in source.types:
        return Rejection("list", key, "other_type", f"{title} ({work.get('type')})")
    return entry_item(key, title, year, doi=doi, text=whole(_abstract(work)))


def _is_of(work: Work, named: str, *, exactly: bool) -> bool:
    """Whether a work is of the venue that was asked for."""
    wanted = normalised(named)
    containers = [normalised(str(name)) for name in work.get("container-title") or []]
    if exactly:
        return wanted in containers
    event = work.get("event")
    events = [event.get(part) for part in ("name", "acronym")] if isinstance(event, dict) else []
    names = [*(normalised(str(name)) for name in events if name), *containers]
    return any(f" {wanted} " in f" {name} " for name in names)


def _venue(work: Work) -> str:
    event = work.get("event")
    name = event.get("name") if isinstance(event, dict) else ""
    return str(name or next(iter(work.get("container-title") or []), ""))


def _titles(work: Work) -> list[str]:
    """The title as it is, and with the subtitle."""
    title, subtitle = (
        clean(without_preambles(str(said[0]))) if isinstance(said, list) and said else ""
        for said in (work.get("title"), work.get("subtitle"))
    )
    if not title or not subtitle or normalised(subtitle) in normalised(title):
        return [title] if title else []
    return [title, f"{title.rstrip(':')}: {subtitle}"]


def _year(work: Work) -> int | None:
    parts = within(work, ("issued", "date-parts"))
    try:
        return whole_number(parts[0][0]) if parts else None
    except (IndexError, TypeError, KeyError):
        return None


def _abstract(work: Work) -> str:
    return text_of(str(work.get("abstract") or ""))


SERVICE = Service(
    "Crossref",
    "set fetching.contact to your e-mail address, which gives access to Crossref's polite pool, "
    "and run again later; finished documents are in the store",
    found_by="crossref",
    titles=_titles,
    year=_year,
    abstract=_abstract,
    works_at=("message", "items"),
    cursor_at=("message", "next-cursor"),
    one_at=("message",),
    secret=mailto,
)
