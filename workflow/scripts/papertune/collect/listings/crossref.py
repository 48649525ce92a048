"""Crossref: works of a journal, proceedings or conference and year, and single abstracts.

Abstracts come in JATS, and only where the publisher deposited them. The contact goes with every
request, which Crossref rewards with a faster pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from papertune.collect.identifiers import document_id, doi_of, doi_url
from papertune.collect.listings.services import (
    Service,
    ask_json,
    judged,
    listed,
    mailto,
    no_answer,
    not_understood,
    whole_number,
)
from papertune.collect.lookups import Outcome
from papertune.collect.texts.jats import text_of, without_preambles
from papertune.collect.texts.text import clean
from papertune.collect.texts.titles import best_match, no_paper, normalised, searchable
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import CrossrefSource, Lookups

PAGE_SIZE = 200  # of 1,000 that are allowed, which take longer than a session waits
SERVICE = Service(
    "Crossref",
    "set fetching.contact to your e-mail address, which gives access to Crossref's polite pool, "
    "and run again later; finished documents are in the store",
)
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
    parameters: dict[str, Any] = {"select": LISTED, "rows": PAGE_SIZE}
    named = (source.container_title or source.event).replace("{year}", str(year))
    fuzzy = bool(source.event) or "," in named  # no value of a filter can have a comma
    if source.issn:
        filters += f",issn:{source.issn.upper()}"
    elif fuzzy:
        parameters["query.event-name" if source.event else "query.container-title"] = named
    else:
        filters += f",container-title:{named}"
    cursor, seen = "*", 0
    while cursor:
        query = urlencode({**parameters, "filter": filters, "cursor": cursor}, safe=":,*")
        message = _ask(session, f"{source.url}/works?{query}", refresh)
        works, total = message["items"], whole_number(message.get("total-results")) or 0
        fits = 0
        for work in works:
            mine = not fuzzy or _is_of(work, named, whole=not source.event)
            fits += mine
            yield _document(work, source, year, mine)
        seen += len(works)
        done = not works or seen >= total or (fuzzy and not fits)
        cursor = "" if done else str(message.get("next-cursor") or "")
    if seen < total and not fuzzy:
        raise CollectError(
            f"Crossref gives {seen} of {total} works",
            where=f"{source.url}/works?filter={filters}",
            hint="run again later: its cursors pass away",
        )


def resolve(session: PoliteSession, document: Document, lookups: Lookups) -> Outcome:
    """The abstract of one paper: by its DOI, else (or where that is not known) by its title.

    Reasons: ``not_found``, ``other_title``, ``no_abstract``, ``truncated`` (with the text),
    ``no_doi`` where there is neither a DOI nor a title to search by.
    """
    doi = document.doi or doi_of(document.url)
    words = searchable(document.title)
    if doi:
        url = f"{lookups.crossref}/works/{quote(doi, safe='')}"
        try:
            answer = ask_json(session, url, SERVICE, secret=mailto(session))
        except PageError as error:
            if error.reason not in ("http_404", "http_400"):  # "Resource not found."
                raise
        else:
            work = answer.get("message")
            if not isinstance(work, dict):
                raise no_answer(session, Page(url, url, "", str(answer)), SERVICE)
            return judged(_abstract(work), "crossref")
    if not words:
        return Outcome(reason="not_found" if doi else "no_doi")
    parameters = {"query.bibliographic": words, "select": LOOKED_UP, "rows": 5}
    url = f"{lookups.crossref}/works?{urlencode(parameters, safe=',')}"
    works = _ask(session, url, False)["items"]
    candidates = [(_titles(work), _year(work), work) for work in works]
    match = best_match(document.title, document.year, candidates, lookups.title_match)
    if match is None:
        return Outcome(reason="other_title" if works else "not_found")
    return judged(_abstract(match), "crossref:title")


def _ask(session: PoliteSession, url: str, refresh: bool) -> dict[str, Any]:
    """The message of an answer with ``items``."""
    try:
        answer = ask_json(session, url, SERVICE, refresh=refresh, secret=mailto(session))
    except PageError as error:
        # a single title that is refused is that document's outcome
        lookup = "query.bibliographic" in url
        if error.reason == "http_404" or (error.reason == "http_400" and not lookup):
            raise not_understood(error, SERVICE) from None
        raise
    message = answer.get("message")
    items = message.get("items") if isinstance(message, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise no_answer(session, Page(url, url, "", str(answer)), SERVICE)
    return dict(answer["message"])


def _document(
    work: dict[str, Any], source: CrossrefSource, year: int, mine: bool
) -> Document | Rejection:
    doi = doi_of(str(work.get("DOI") or ""))
    title = next(iter(reversed(_titles(work))), "")  # with the subtitle
    key = doi or title
    if not mine:
        return Rejection("list", key, "other_venue", f"{title} ({_venue(work)})")
    if work.get("type") not in source.types:
        return Rejection("list", key, "other_type", f"{title} ({work.get('type')})")
    if not title:
        return Rejection("list", key, "no_title", doi)
    if no_paper(title):
        return Rejection("list", key, no_paper(title), title)
    if not doi:
        return Rejection("list", key, "no_link", title)
    found = Document(id=document_id(doi), title=title, url=doi_url(doi), year=year, doi=doi)
    return listed(found, _abstract(work))


def _is_of(work: dict[str, Any], named: str, *, whole: bool) -> bool:
    """Whether a work is of the venue that was asked for."""
    wanted = normalised(named)
    containers = [normalised(str(name)) for name in work.get("container-title") or []]
    if whole:
        return wanted in containers
    event = work.get("event")
    events = [event.get(part) for part in ("name", "acronym")] if isinstance(event, dict) else []
    names = [*(normalised(str(name)) for name in events if name), *containers]
    return any(f" {wanted} " in f" {name} " for name in names)


def _venue(work: dict[str, Any]) -> str:
    event = work.get("event")
    name = event.get("name") if isinstance(event, dict) else ""
    return str(name or next(iter(work.get("container-title") or []), ""))


def _titles(work: dict[str, Any]) -> list[str]:
    """The title as it is, and with the subtitle."""
    titles, subtitles = work.get("title") or [], work.get("subtitle") or []
    title = clean(without_preambles(str(titles[0]))) if isinstance(titles, list) and titles else ""
    subtitle = ""
    if isinstance(subtitles, list) and subtitles:
        subtitle = clean(without_preambles(str(subtitles[0])))
    if not title or not subtitle or normalised(subtitle) in normalised(title):
        return [title] if title else []
    return [title, f"{title.rstrip(':')}: {subtitle}"]


def _year(work: dict[str, Any]) -> int | None:
    issued = work.get("issued")
    parts = issued.get("date-parts") if isinstance(issued, dict) else None
    try:
        return whole_number(parts[0][0]) if parts else None
    except (IndexError, TypeError, KeyError):
        return None


def _abstract(work: dict[str, Any]) -> str:
    return text_of(str(work.get("abstract") or ""))
