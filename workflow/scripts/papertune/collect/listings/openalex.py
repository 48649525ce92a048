"""OpenAlex: works of a venue and year, and single abstracts.

``$OPENALEX_API_KEY`` is the key, which is free; without it the day's budget is small. A work by its
DOI costs nothing, a page of a listing little, a search for a title ten times as much.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from papertune.collect.identifiers import arxiv_id, document_id, doi_of, doi_url, host_of
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
from papertune.study.settings.scholarly import Lookups, OpenAlexSource

KEY = "OPENALEX_API_KEY"
PAGE_SIZE = 100  # the most that the API gives
SERVICE = Service(
    "OpenAlex",
    f"its budget for the day is used up, or it does not know the key: set {KEY} (a key is free at "
    "openalex.org/settings/api), or run again tomorrow; what was found so far is kept",
)
LISTED = (
    "id,doi,title,publication_year,type,is_retracted,is_paratext,abstract_inverted_index,"
    "primary_location"
)
LOOKED_UP = "id,doi,title,publication_year,abstract_inverted_index"
NO_PAPERS = {"paratext", "erratum", "retraction", "peer-review", "supplementary-materials"}
# "Abstract We show" has a heading, "Abstract State Machines" has none
_LABEL = re.compile(
    r"^(?:abstract|ABSTRACT|Abstract)[.:]?\s+(?=[\"“(]?[A-Z0-9])(?!(?:State|Syntax|Data|Interpretation"
    r"|Argumentation|Algebra|Domains?|Machines?|Types?|Classes|Class|Reasoning|Meaning|Art|Painting"
    r"|Concepts?|Nouns?|Dialectical|Harmonic|Rewriting|Games?|Thinking|Mathematics|Solvers?)\b)"
)


def list_documents(
    session: PoliteSession, source: OpenAlexSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The works of a source and year, with the abstracts that OpenAlex has.

    Raises:
        CollectError: an answer cannot be had, the budget is used up, or no source or several have
            the name.
    """
    if source.issn:
        where = f"primary_location.source.issn:{source.issn.upper()}"
    else:
        found = source.source or _source_named(session, source, refresh)
        where = f"primary_location.source.id:{found.upper()}"
    cursor, seen, count = "*", 0, 0
    while cursor:
        parameters = {
            "filter": f"{where},publication_year:{year}",
            "select": LISTED,
            "per_page": PAGE_SIZE,
            "cursor": cursor,
        }
        url = f"{source.url}/works?{urlencode(parameters, safe=':,*')}"
        answer = _ask(session, url, refresh)
        works, meta = answer["results"], answer.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        for work in works:
            yield _document(work, year)
        seen, count = seen + len(works), count or whole_number(meta.get("count")) or 0
        cursor = str(meta.get("next_cursor") or "") if works else ""
    if seen < count:
        raise CollectError(
            f"OpenAlex gives {seen} of {count} works", where=url, hint="run again later"
        )


def resolve(session: PoliteSession, document: Document, lookups: Lookups) -> Outcome:
    """The abstract of one paper: by its DOI, else (or where that is not known) by its title.

    Reasons: ``not_found``, ``other_title``, ``no_abstract``, ``truncated`` (with the text),
    ``no_doi`` where there is neither a DOI nor a title to search by.
    """
    number = arxiv_id(document.url)  # each of arXiv's papers has a DOI
    doi = document.doi or doi_of(document.url) or (f"10.48550/arxiv.{number}" if number else "")
    words = searchable(document.title)
    if doi:
        url = f"{lookups.openalex}/works/doi:{quote(doi, safe='/')}?select={LOOKED_UP}"
        try:
            work = ask_json(session, url, SERVICE, secret=_secret(session))
        except PageError as error:
            if error.reason not in ("http_404", "http_400"):
                raise
        else:
            return judged(abstract_of(work), "openalex")
    if not words:
        return Outcome(reason="not_found" if doi else "no_doi")
    parameters = {"search.title": words, "select": LOOKED_UP, "per_page": 10}
    url = f"{lookups.openalex}/works?{urlencode(parameters, safe=',')}"
    works = _ask(session, url, False)["results"]
    candidates = [([_title(work)], _year(work), work) for work in works]
    match = best_match(document.title, document.year, candidates, lookups.title_match)
    if match is None:
        return Outcome(reason="other_title" if works else "not_found")
    return judged(abstract_of(match), "openalex:title")


def abstract_of(work: dict[str, Any]) -> str:
    """The text of ``abstract_inverted_index``: the words in the order of their places.

    A place without a word is passed over.
    """
    index = work.get("abstract_inverted_index")
    if not isinstance(index, dict):
        return ""
    placed = [
        (place, str(word))
        for word, places in index.items()
        if isinstance(places, list)
        for place in places
        if isinstance(place, int)
    ]
    placed.sort(key=lambda pair: pair[0])
    text = without_preambles(" ".join(word for _, word in placed))
    return clean(_LABEL.sub("", text_of(text) if "<" in text else clean(text), count=1))


def _source_named(session: PoliteSession, source: OpenAlexSource, refresh: bool) -> str:
    """The OpenAlex id of the source with a name or abbreviation."""
    parameters = {
        "search": source.venue,
        "select": "id,display_name,alternate_titles,abbreviated_title,works_count",
        "per_page": 25,
    }
    url = f"{source.url}/sources?{urlencode(parameters, safe=',')}"
    found = _ask(session, url, refresh)["results"]
    wanted = normalised(source.venue)
    alike = []
    for item in found:
        names = [item.get("display_name"), item.get("abbreviated_title")]
        names += item.get("alternate_titles") or []
        if wanted in {normalised(str(name)) for name in names if name}:
            alike.append(item)
    # of several with the abbreviation the one of that very name
    exact = [item for item in alike if normalised(str(item.get("display_name"))) == wanted]
    chosen = exact if len(exact) == 1 else alike
    if len(chosen) == 1:
        return _bare_id(chosen[0])
    near = "; ".join(
        f"{_bare_id(item)} {item.get('display_name')} ({item.get('works_count')} works)"
        for item in (chosen or found)[:5]
    )
    raise CollectError(
        f"{'several sources are' if chosen else 'no source is'} called {source.venue!r} in OpenAlex",
        where="source.venue",
        hint=(f"set source.source to one of these in place of source.venue: {near}")
        if near
        else "look the venue up at openalex.org/sources and set source.source to its id",
    )


def _ask(session: PoliteSession, url: str, refresh: bool) -> dict[str, Any]:
    """An answer with ``results``."""
    try:
        answer = ask_json(session, url, SERVICE, refresh=refresh, secret=_secret(session))
    except PageError as error:
        # a single title that is refused is that document's outcome
        if error.reason == "http_404" or (error.reason == "http_400" and "search.title" not in url):
            raise not_understood(error, SERVICE) from None
        raise
    works = answer.get("results")
    if not isinstance(works, list) or not all(isinstance(work, dict) for work in works):
        raise no_answer(session, Page(url, url, "", str(answer)), SERVICE)
    return answer


def _document(work: dict[str, Any], year: int) -> Document | Rejection:
    doi, title = doi_of(str(work.get("doi") or "")), _title(work)
    place = work.get("primary_location")
    landing = str((place if isinstance(place, dict) else {}).get("landing_page_url") or "").strip()
    url = doi_url(doi) or (landing if host_of(landing) else "")
    key = doi or str(work.get("id") or title)
    if work.get("is_paratext") or work.get("type") in NO_PAPERS:
        return Rejection(
            "list", key, "front_matter" if work.get("is_paratext") else "other_type", title
        )
    if not title:
        return Rejection("list", key, "no_title", url)
    if work.get("is_retracted") or no_paper(title):
        reason = "retracted" if work.get("is_retracted") else no_paper(title)
        return Rejection("list", key, reason, title)
    if not url:
        return Rejection("list", key, "no_link", title)
    if _year(work) not in (year, None):
        return Rejection("list", key, "other_year", f"{title} ({_year(work)})")
    found = Document(id=document_id(doi or url), title=title, url=url, year=year, doi=doi)
    return listed(found, abstract_of(work))


def _title(work: dict[str, Any]) -> str:
    return clean(without_preambles(str(work.get("title") or work.get("display_name") or "")))


def _year(work: dict[str, Any]) -> int | None:
    return whole_number(work.get("publication_year"))


def _bare_id(item: dict[str, Any]) -> str:
    return str(item.get("id") or "").rpartition("/")[2]


def _secret(session: PoliteSession) -> dict[str, str]:
    """The key, and who asks: neither belongs into a cache's file names."""
    key = os.environ.get(KEY, "").strip()
    return {**({"api_key": key} if key else {}), **mailto(session)}
