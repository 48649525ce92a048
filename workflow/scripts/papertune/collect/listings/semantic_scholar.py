"""Semantic Scholar: papers of a venue and year, and single abstracts.

``$S2_API_KEY`` is the key (one request a second); without one all users share one limit, and status
429 is common. Abstracts that publishers do not let it share are missing; the ``tldr``, which a
model wrote, is no abstract.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

from papertune.collect.identifiers import arxiv_url, doi_of, doi_url
from papertune.collect.listings.answers import Work
from papertune.collect.listings.services import Paper, Service, key_of, url_of
from papertune.collect.texts.text import clean
from papertune.collect.web.session import PoliteSession
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import SemanticScholarSource

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
    """The papers of a venue and year, with the abstracts that it has; see Service.listing."""
    asked = {"venue": source.venue, "year": year, "fields": LISTED}
    if source.query:
        asked["query"] = source.query

    def url(token: str) -> str:
        following = {"token": token} if token else {}
        return url_of(f"{source.url}/paper/search/bulk", {**asked, **following})

    return SERVICE.listing(session, url, lambda paper: _paper(paper).item(year), refresh)


def _paper(work: Work) -> Paper:
    """A paper with its abstract, but no ``tldr``, and no notice that the publisher withholds it."""
    ids = {name: str(given or "") for name, given in (work.get("externalIds") or {}).items()}
    doi, title = doi_of(ids.get("DOI", "")), clean(str(work.get("title") or ""))
    text = clean(str(work.get("abstract") or ""))
    pages = (
        doi_url(doi),
        arxiv_url(ids.get("ArXiv", "")),
        f"https://aclanthology.org/{ids['ACL']}/" if ids.get("ACL") else "",
        str(work.get("url") or ""),
    )
    return Paper(
        key=doi or str(work.get("paperId") or title),
        titles=[title],
        year=work.get("year"),
        text="" if _ELIDED.match(text) else text,
        doi=doi,
        url=next(filter(None, pages), ""),
    )


def _known(doi: str, number: str) -> str:
    name = f"ARXIV:{number}" if number else f"DOI:{doi}" if doi else ""
    return f"/paper/{quote(name, safe=':')}?fields={LOOKED_UP}" if name else ""


SERVICE = Service(
    "Semantic Scholar",
    f"it does not know the key, or the limit that users without one share is reached: set {KEY} (a "
    "key is free at semanticscholar.org/product/api), or run again later; what was found so far is "
    "kept",
    found_by="semantic_scholar",
    known=_known,
    search=lambda words: url_of("/paper/search/match", {"query": words, "fields": LOOKED_UP}),
    paper=_paper,
    works_at=("data",),
    cursor_at=("token",),
    first="",
    empty_is_404=True,
    headers=lambda url: key_of(url, KEY, "x-api-key"),
)
