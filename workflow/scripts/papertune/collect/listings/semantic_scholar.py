"""Semantic Scholar: papers of a venue and year, and single abstracts.

``$S2_API_KEY`` is the key (one request a second); without one everybody shares one limit, and 429 is
common. Some publishers do not let it pass abstracts on: those are missing, and the ``tldr`` that a
model wrote is no abstract.
"""

import os
import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

from papertune.collect.identifiers import arxiv_id, arxiv_url, doi_of, doi_url
from papertune.collect.listings.entries import entry_item
from papertune.collect.listings.services import Service, Work, whole, whole_number
from papertune.collect.lookups import Outcome
from papertune.collect.texts.text import clean
from papertune.collect.web.session import PoliteSession
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import Lookups, SemanticScholarSource

KEY = "S2_API_KEY"
LISTED = "title,abstract,year,venue,externalIds,url"
LOOKED_UP = "title,abstract,year"
_ELIDED = re.compile(
    r"^(?:notice:.{0,120}|this paper'?s? abstract (?:has|have) been )\belided by the publisher",
    re.I,
)


def list_documents(
    session: PoliteSession, source: SemanticScholarSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers of a venue and year, with the abstracts that may be passed on.

    Raises:
        CollectError: an answer cannot be had, or the limit is used up.
    """
    # a comma would name another venue
    asked = {"venue": source.venue, "year": str(year), "fields": LISTED}
    if source.query:
        asked["query"] = source.query

    def url(token: str) -> str:
        query = urlencode({**asked, **({"token": token} if token else {})}, safe=",")
        return f"{source.url}/paper/search/bulk?{query}"

    for _, papers in SERVICE.pages(session, url, refresh):
        yield from (_document(paper, year) for paper in papers)


def resolve(session: PoliteSession, document: Document, lookups: Lookups) -> Outcome:
    """:meth:`Service.look_up` by the arXiv number or the DOI."""
    doi = document.doi or doi_of(document.url)
    number = arxiv_id(document.url) or arxiv_id(doi)
    name = quote(f"ARXIV:{number}" if number else f"DOI:{doi}" if doi else "", safe=":")
    paper = f"{lookups.semantic_scholar}/paper"

    def search(words: str) -> str:
        return f"{paper}/search/match?{urlencode({'query': words, 'fields': LOOKED_UP}, safe=',')}"

    known = f"{paper}/{name}?fields={LOOKED_UP}" if name else ""
    return SERVICE.look_up(session, document, lookups.title_match, known, search)


def _document(paper: Work, year: int) -> Document | Rejection:
    ids = {name: str(given or "") for name, given in (paper.get("externalIds") or {}).items()}
    title, doi, published = _title(paper), doi_of(ids.get("DOI", "")), _year(paper)
    pages = (
        doi_url(doi),
        arxiv_url(ids.get("ArXiv", "")),
        f"https://aclanthology.org/{ids['ACL']}/" if ids.get("ACL") else "",
        str(paper.get("url") or ""),
    )
    key = doi or str(paper.get("paperId") or title)
    if title and published not in (year, None):
        return Rejection("list", key, "other_year", f"{title} ({published})")
    url = next(filter(None, pages), "")
    return entry_item(key, title, year, doi=doi, url=url, text=whole(_abstract(paper)))


def _year(paper: Work) -> int | None:
    return whole_number(paper.get("year"))


def _title(paper: Work) -> str:
    return clean(str(paper.get("title") or ""))


def _abstract(paper: Work) -> str:
    """The abstract alone: no ``tldr``, and no notice that the publisher keeps it."""
    text = clean(str(paper.get("abstract") or ""))
    return "" if _ELIDED.match(text) else text


def _headers() -> dict[str, str]:
    key = os.environ.get(KEY, "").strip()
    return {"x-api-key": key} if key else {}


SERVICE = Service(
    "Semantic Scholar",
    f"it does not know the key, or everybody without one is asking: set {KEY} (a key is free at "
    "semanticscholar.org/product/api), or run again later; what was found so far is kept",
    found_by="semantic_scholar",
    titles=lambda paper: [_title(paper)],
    year=_year,
    abstract=_abstract,
    works_at=("data",),
    cursor_at=("token",),
    empty_is_404=True,
    headers=_headers,
)
