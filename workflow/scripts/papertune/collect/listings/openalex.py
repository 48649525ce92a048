"""OpenAlex: works of a venue and year, and single abstracts.

``$OPENALEX_API_KEY`` is the key, which is free; without it the day's budget is small. A work by its
DOI costs nothing, a page of a listing little, a search for a title ten times as much.
"""

import os
import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

from papertune.collect.identifiers import arxiv_id, doi_of, doi_url
from papertune.collect.listings.entries import entry_item
from papertune.collect.listings.services import Service, Work, mailto, whole, whole_number, within
from papertune.collect.lookups import Outcome
from papertune.collect.texts.text import clean, text_of, without_preambles
from papertune.collect.texts.titles import normalised
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import Lookups, OpenAlexSource

KEY = "OPENALEX_API_KEY"
PAGE_SIZE = 100  # the most that the API gives
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
    asked = {"filter": f"{where},publication_year:{year}", "select": LISTED, "per_page": PAGE_SIZE}

    def url(cursor: str) -> str:
        return f"{source.url}/works?{urlencode({**asked, 'cursor': cursor}, safe=':,*')}"

    seen, count = 0, 0
    for answer, works in SERVICE.pages(session, url, refresh, "*"):
        yield from (_document(work, year) for work in works)
        seen += len(works)
        count = count or whole_number(within(answer, ("meta", "count"))) or 0
    if seen < count:
        raise CollectError(
            f"OpenAlex gives {seen} of {count} works", where=url("*"), hint="run again later"
        )


def resolve(session: PoliteSession, document: Document, lookups: Lookups) -> Outcome:
    """:meth:`Service.look_up` by the DOI, which each of arXiv's papers has too."""
    number = arxiv_id(document.url)
    doi = document.doi or doi_of(document.url) or (f"10.48550/arxiv.{number}" if number else "")
    works = f"{lookups.openalex}/works"
    known = f"{works}/doi:{quote(doi, safe='/')}?select={LOOKED_UP}" if doi else ""
    asked = {"select": LOOKED_UP, "per_page": 10}

    def search(words: str) -> str:
        return f"{works}?{urlencode({'search.title': words, **asked}, safe=',')}"

    return SERVICE.look_up(session, document, lookups.title_match, known, search)


def abstract_of(work: Work) -> str:
    """The text of ``abstract_inverted_index``: the words in the order of their places."""
    index = work.get("abstract_inverted_index")
    placed = [
        (place, str(word))
        for word, places in (index.items() if isinstance(index, dict) else ())
        for place in (places if isinstance(places, list) else ())
        if isinstance(place, int)
    ]
    words = [word for _, word in sorted(placed, key=lambda pair: pair[0])]
    text = without_preambles(" ".join(words))
    return clean(_LABEL.sub("", text_of(text) if "<" in text else clean(text), count=1))


def _source_named(session: PoliteSession, source: OpenAlexSource, refresh: bool) -> str:
    """The OpenAlex id of the source with a name or abbreviation."""
    parameters = {
        "search": source.venue,
        "select": "id,display_name,alternate_titles,abbreviated_title,works_count",
        "per_page": 25,
    }
    url = f"{source.url}/sources?{urlencode(parameters, safe=',')}"
    _, found = SERVICE.works(session, url, refresh)
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


def _document(work: Work, year: int) -> Document | Rejection:
    doi, title = doi_of(str(work.get("doi") or "")), _title(work)
    key = doi or str(work.get("id") or title)
    other = "other_type" if work.get("type") in NO_PAPERS else ""
    other = "front_matter" if work.get("is_paratext") else other
    other = other or ("retracted" if title and work.get("is_retracted") else "")
    if other:
        return Rejection("list", key, other, title)
    if title and _year(work) not in (year, None):
        return Rejection("list", key, "other_year", f"{title} ({_year(work)})")
    landing = str(within(work, ("primary_location", "landing_page_url")) or "")
    text = whole(abstract_of(work))
    return entry_item(key, title, year, doi=doi, url=doi_url(doi) or landing, text=text)


def _title(work: Work) -> str:
    return clean(without_preambles(str(work.get("title") or work.get("display_name") or "")))


def _year(work: Work) -> int | None:
    return whole_number(work.get("publication_year"))


def _bare_id(item: Work) -> str:
    return str(item.get("id") or "").rpartition("/")[2]


def _secret(session: PoliteSession) -> dict[str, str]:
    """The key, and who asks: neither belongs into a cache's file names."""
    key = os.environ.get(KEY, "").strip()
    return {**({"api_key": key} if key else {}), **mailto(session)}


SERVICE = Service(
    "OpenAlex",
    f"its budget for the day is used up, or it does not know the key: set {KEY} (a key is free at "
    "openalex.org/settings/api), or run again tomorrow; what was found so far is kept",
    found_by="openalex",
    titles=lambda work: [_title(work)],
    year=_year,
    abstract=abstract_of,
    works_at=("results",),
    cursor_at=("meta", "next_cursor"),
    secret=_secret,
)
