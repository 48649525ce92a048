"""Crossref: works of a journal, proceedings or conference and year, and single abstracts.

Abstracts are in JATS, and exist only if the publisher deposited them. The contact is sent with
every request, for which Crossref offers a faster pool.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from papertune.collect.identifiers import doi_of
from papertune.collect.listings.answers import Work, within
from papertune.collect.listings.services import Paper, Service, mailto, url_of
from papertune.collect.texts.jats import text_of
from papertune.collect.texts.text import clean, without_preambles
from papertune.collect.texts.titles import normalised
from papertune.collect.web.session import PoliteSession
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import CrossrefSource

PAGE_SIZE = 200  # 1,000 are allowed, but take longer than a session waits
LISTED = "DOI,title,subtitle,abstract,issued,type,container-title,event"
LOOKED_UP = "DOI,title,subtitle,abstract,issued"


def list_documents(
    session: PoliteSession, source: CrossrefSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The works of a venue and year, with the abstracts that were deposited; see Service.listing.

    A search by ``event``, or by a title with a comma, is fuzzy, with the best matches first: works
    of other venues are rejected, and a page with only such works is the last.
    """
    filters = f"from-pub-date:{year}-01-01,until-pub-date:{year}-12-31"
    asked: Work = {"select": LISTED, "rows": PAGE_SIZE}
    named = (source.container_title or source.event).replace("{year}", str(year))
    fuzzy = bool(source.event) or "," in named  # a filter's value cannot have a comma
    if source.issn:
        filters += f",issn:{source.issn.upper()}"
    elif fuzzy:
        asked["query.event-name" if source.event else "query.container-title"] = named
    else:
        filters += f",container-title:{named}"

    def url(cursor: str) -> str:
        return url_of(f"{source.url}/works", {**asked, "filter": filters, "cursor": cursor})

    def item(work: Work) -> Document | Rejection:
        paper = replace(
            _paper(work), year=None
        )  # a work has several dates; one of them is in the year
        if fuzzy and not _is_of(work, named, exactly=not source.event):
            paper = replace(paper, reason="other_venue", told=next(iter(_venues(work)), ""))
        elif work.get("type") not in source.types:
            paper = replace(paper, reason="other_type", told=work.get("type"))
        return paper.item(year)

    return SERVICE.listing(session, url, item, refresh, "other_venue" if fuzzy else "")


def _is_of(work: Work, named: str, *, exactly: bool) -> bool:
    """Whether a work belongs to the requested venue."""
    wanted = normalised(named)
    if exactly:
        return wanted in [normalised(str(name)) for name in work.get("container-title") or []]
    return any(f" {wanted} " in f" {normalised(name)} " for name in _venues(work))


def _venues(work: Work) -> list[str]:
    event = work.get("event")
    said = [event.get("name"), event.get("acronym")] if isinstance(event, dict) else []
    return [str(name) for name in (*said, *(work.get("container-title") or [])) if name]


def _titles(work: Work) -> list[str]:
    """The title, and the title with the subtitle if there is one."""
    title, subtitle = (
        clean(without_preambles(str(said[0]))) if isinstance(said, list) and said else ""
        for said in (work.get("title"), work.get("subtitle"))
    )
    if not title or not subtitle or normalised(subtitle) in normalised(title):
        return [title]
    return [title, f"{title.rstrip(':')}: {subtitle}"]


def _year(work: Work) -> Any:
    try:
        return within(work, ("issued", "date-parts"))[0][0]
    except (IndexError, TypeError, KeyError):
        return None


def _paper(work: Work) -> Paper:
    doi, titles = doi_of(str(work.get("DOI") or "")), _titles(work)
    text = text_of(str(work.get("abstract") or ""))
    return Paper(doi or titles[-1], titles, _year(work), text, doi)


SERVICE = Service(
    "Crossref",
    "set fetching.contact to your e-mail address, which gives access to Crossref's polite pool, "
    "and run again later; finished documents are in the store",
    found_by="crossref",
    known=lambda doi, number: f"/works/{quote(doi, safe='')}" if doi else "",
    search=lambda words: url_of(
        "/works", {"query.bibliographic": words, "select": LOOKED_UP, "rows": 5}
    ),
    paper=_paper,
    works_at=("message", "items"),
    total_at=("message", "total-results"),
    cursor_at=("message", "next-cursor"),
    one_at=("message",),
    first="*",
    secret=mailto,
)
