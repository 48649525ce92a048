"""OpenAlex: works of a venue and year, and single abstracts.

``$OPENALEX_API_KEY`` is the key, which is free; without it the daily budget is small. A lookup by
DOI is free, a page of a listing costs little, a title search ten times as much.
"""

from collections.abc import Iterator
from urllib.parse import quote

from papertune.collect.identifiers import doi_of, doi_url
from papertune.collect.listings.answers import Work, objects, within
from papertune.collect.listings.services import Paper, Service, key_of, mailto, url_of
from papertune.collect.texts.endings import without_label
from papertune.collect.texts.jats import text_of
from papertune.collect.texts.text import clean, without_preambles
from papertune.collect.texts.titles import normalised
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import OpenAlexSource

KEY = "OPENALEX_API_KEY"
PAGE_SIZE = 100  # the most that the API gives
LISTED = (
    "id,doi,title,publication_year,type,is_retracted,is_paratext,abstract_inverted_index,"
    "primary_location"
)
LOOKED_UP = "id,doi,title,publication_year,abstract_inverted_index"
NO_PAPERS = {"paratext", "erratum", "retraction", "peer-review", "supplementary-materials"}


def list_documents(
    session: PoliteSession, source: OpenAlexSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The works of a source and year, with the abstracts that OpenAlex has; see Service.listing.

    Raises:
        CollectError: no source has the name, or several have it.
    """
    if source.issn:
        where = f"primary_location.source.issn:{source.issn.upper()}"
    else:
        found = source.source or _source_named(session, source, refresh)
        where = f"primary_location.source.id:{found.upper()}"
    asked = {"filter": f"{where},publication_year:{year}", "select": LISTED, "per_page": PAGE_SIZE}
    return SERVICE.listing(
        session,
        lambda cursor: url_of(f"{source.url}/works", {**asked, "cursor": cursor}),
        lambda work: _paper(work).item(year),
        refresh,
    )


def abstract_of(work: Work) -> str:
    """The text of ``abstract_inverted_index``: its words ordered by position."""
    index = work.get("abstract_inverted_index")
    placed = [
        (place, str(word))
        for word, places in (index.items() if isinstance(index, dict) else ())
        for place in (places if isinstance(places, list) else ())
        if isinstance(place, int)
    ]
    words = [word for _, word in sorted(placed, key=lambda pair: pair[0])]
    text = without_preambles(" ".join(words))
    return clean(without_label(text_of(text) if "<" in text else clean(text)))


def _source_named(session: PoliteSession, source: OpenAlexSource, refresh: bool) -> str:
    """The OpenAlex id of the one source with a name or abbreviation; raises CollectError."""
    fields = "id,display_name,alternate_titles,abbreviated_title,works_count"
    asked = {"search": source.venue, "select": fields, "per_page": 25}
    _, found = SERVICE.works(session, url_of(f"{source.url}/sources", asked), refresh)
    wanted = normalised(source.venue)
    alike, exact = [], []
    found = objects(found)
    for item in found:
        names = [item.get("display_name"), item.get("abbreviated_title")]
        others = item.get("alternate_titles")
        names += others if isinstance(others, list) else []
        fits = [normalised(str(name or "")) == wanted for name in names]
        alike += [item] if any(fits) else []
        exact += [item] if fits[0] else []
    # of several with the abbreviation, the one with exactly that name
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


def _paper(work: Work) -> Paper:
    doi = doi_of(str(work.get("doi") or ""))
    title = clean(without_preambles(str(work.get("title") or work.get("display_name") or "")))
    reason = "retracted" if work.get("is_retracted") else ""
    reason = "other_type" if work.get("type") in NO_PAPERS else reason
    return Paper(
        key=doi or str(work.get("id") or title),
        titles=[title],
        year=work.get("publication_year"),
        text=abstract_of(work),
        doi=doi,
        url=doi_url(doi) or str(within(work, ("primary_location", "landing_page_url")) or ""),
        reason="front_matter" if work.get("is_paratext") else reason,
    )


def _bare_id(item: Work) -> str:
    return str(item.get("id") or "").rpartition("/")[2]


def _known(doi: str, number: str) -> str:
    doi = doi or (f"10.48550/arxiv.{number}" if number else "")
    return f"/works/doi:{quote(doi, safe='/')}?select={LOOKED_UP}" if doi else ""


SERVICE = Service(
    "OpenAlex",
    f"its budget for the day is used up, or it does not know the key: set {KEY} (a key is free at "
    "openalex.org/settings/api), or run again tomorrow; what was found so far is kept",
    found_by="openalex",
    known=_known,
    search=lambda words: url_of(
        "/works", {"search.title": words, "select": LOOKED_UP, "per_page": 10}
    ),
    paper=_paper,
    works_at=("results",),
    total_at=("meta", "count"),
    cursor_at=("meta", "next_cursor"),
    first="*",
    # neither key nor contact may be in the cache's file names
    secret=lambda session, url: {**key_of(url, KEY, "api_key"), **mailto(session)},
)
