"""Semantic Scholar: papers of a venue and year, and single abstracts.

``$S2_API_KEY`` is the key (one request a second); without one everybody shares one limit, and 429 is
common. Some publishers do not let it pass abstracts on: those are missing, and the ``tldr`` that a
model wrote is no abstract.
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
    no_answer,
    not_understood,
    whole_number,
)
from papertune.collect.lookups import Outcome
from papertune.collect.texts.text import clean
from papertune.collect.texts.titles import best_match, no_paper, searchable
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import Lookups, SemanticScholarSource

KEY = "S2_API_KEY"
SERVICE = Service(
    "Semantic Scholar",
    f"it does not know the key, or everybody without one is asking: set {KEY} (a key is free at "
    "semanticscholar.org/product/api), or run again later; what was found so far is kept",
)
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
    parameters = {"venue": source.venue, "year": str(year), "fields": LISTED}
    if source.query:
        parameters["query"] = source.query
    token, seen = "", set[str]()
    while True:
        query = urlencode({**parameters, **({"token": token} if token else {})}, safe=",")
        url = f"{source.url}/paper/search/bulk?{query}"
        try:
            answer = ask_json(session, url, SERVICE, refresh=refresh, headers=_headers())
        except PageError as error:
            if error.reason in ("http_400", "http_404"):
                raise not_understood(error, SERVICE) from None
            raise
        for paper in _papers(session, url, answer):
            yield _document(paper, year)
        token = str(answer.get("token") or "")
        if not token or token in seen:
            return
        seen.add(token)


def resolve(session: PoliteSession, document: Document, lookups: Lookups) -> Outcome:
    """The abstract of one paper: by its DOI or arXiv identifier, else by its title.

    Reasons: ``not_found``, ``other_title``, ``no_abstract``, ``truncated`` (with the text),
    ``no_doi`` where there is neither an identifier nor a title to search by.
    """
    doi = document.doi or doi_of(document.url)
    number = arxiv_id(document.url) or arxiv_id(doi)
    known = f"ARXIV:{number}" if number else f"DOI:{doi}" if doi else ""
    if known:
        url = f"{lookups.semantic_scholar}/paper/{quote(known, safe=':')}?fields={LOOKED_UP}"
        try:
            paper = ask_json(session, url, SERVICE, headers=_headers())
        except PageError as error:
            if error.reason not in ("http_404", "http_400"):
                raise
        else:
            return judged(_abstract(paper), "semantic_scholar")
    words = searchable(document.title)
    if not words:
        return Outcome(reason="not_found" if known else "no_doi")
    parameters = {"query": words, "fields": LOOKED_UP}
    url = f"{lookups.semantic_scholar}/paper/search/match?{urlencode(parameters, safe=',')}"
    try:
        answer = ask_json(session, url, SERVICE, headers=_headers())
    except PageError as error:
        if error.reason in ("http_404", "http_400"):  # "Title match not found"
            return Outcome(reason="not_found")
        raise
    papers = [answer] if "paperId" in answer else _papers(session, url, answer)
    candidates = [([_title(paper)], whole_number(paper.get("year")), paper) for paper in papers]
    match = best_match(document.title, document.year, candidates, lookups.title_match)
    if match is None:
        return Outcome(reason="other_title" if papers else "not_found")
    return judged(_abstract(match), "semantic_scholar:title")


def _papers(session: PoliteSession, url: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
    papers = answer.get("data")
    if not isinstance(papers, list):
        raise no_answer(session, Page(url, url, "", str(answer)), SERVICE)
    return [paper for paper in papers if isinstance(paper, dict)]  # null: not to be shown


def _document(paper: dict[str, Any], year: int) -> Document | Rejection:
    ids = paper.get("externalIds")
    ids = ids if isinstance(ids, dict) else {}
    title, doi = _title(paper), doi_of(str(ids.get("DOI") or ""))
    own = str(paper.get("url") or "")
    url = doi_url(doi)
    if not url and ids.get("ArXiv"):
        url = f"https://arxiv.org/abs/{ids['ArXiv']}"
    if not url and ids.get("ACL"):
        url = f"https://aclanthology.org/{ids['ACL']}/"
    url = url or (own if host_of(own) else "")
    key = doi or str(paper.get("paperId") or title)
    if not title:
        return Rejection("list", key, "no_title", url)
    published = whole_number(paper.get("year"))
    if published not in (year, None):
        return Rejection("list", key, "other_year", f"{title} ({published})")
    if no_paper(title):
        return Rejection("list", key, no_paper(title), title)
    if not url:
        return Rejection("list", key, "no_link", title)
    found = Document(id=document_id(doi or url), title=title, url=url, year=year, doi=doi)
    return listed(found, _abstract(paper))


def _title(paper: dict[str, Any]) -> str:
    return clean(str(paper.get("title") or ""))


def _abstract(paper: dict[str, Any]) -> str:
    """The abstract alone: no ``tldr``, and no notice that the publisher keeps it."""
    text = clean(str(paper.get("abstract") or ""))
    return "" if _ELIDED.match(text) else text


def _headers() -> dict[str, str]:
    key = os.environ.get(KEY, "").strip()
    return {"x-api-key": key} if key else {}
