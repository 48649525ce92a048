"""arXiv's API (Atom): papers of a query and year with their abstracts, and single abstracts.

The session keeps to one request in three seconds, whatever ``fetching.delay`` is. An error is an
entry in an ordinary feed; a page may be empty although more follow.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote_plus

from lxml import etree

from papertune.collect.identifiers import arxiv_id, arxiv_url, doi_of
from papertune.collect.listings.answers import Work
from papertune.collect.listings.services import Paper, Service, url_of
from papertune.collect.listings.xml_text import mended
from papertune.collect.texts.text import clean
from papertune.collect.web.session import PoliteSession
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import ArxivSource

PAGE_SIZE = 200  # larger pages are sometimes incomplete
_SPACES = {
    "a": "http://www.w3.org/2005/Atom",
    "arxiv": "http://arxiv.org/schemas/atom",
    "search": "http://a9.com/-/spec/opensearch/1.1/",
}
_FIELDS = ("a:id", "a:title", "a:summary", "a:published", "arxiv:comment", "arxiv:doi")
_WITHDRAWN = re.compile(
    r"^\W*(?:(?:this|the|our) (?:\w+ )?(?:paper|article|submission|manuscript|preprint|work|note"
    r"|version|e-?print|arxiv)\b.{0,60}?\b(?:has|have|had|was|is|been|being)\b.{0,40}?\bwithdrawn"
    r"|(?:paper |article )?withdrawn\b|(?:arxiv admin(?:istrator)? note:?.{0,80}\bwithdrawn))",
    re.IGNORECASE,
)


def list_documents(
    session: PoliteSession, source: ArxivSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers of a query in a year, oldest first, with their abstracts; see Service.listing."""
    asked = {"search_query": _query(source, year), "start": "", "max_results": PAGE_SIZE}
    asked |= {"sortBy": "submittedDate", "sortOrder": "ascending"}

    def url(start: str) -> str:
        return url_of(source.url, {**asked, "start": start}, safe="")

    def item(work: Work) -> Document | Rejection:
        paper = _paper(work)
        # a DOI may be added later, and must not change the document's id
        found = replace(paper, doi="", year=None).item(year)
        return replace(found, doi=paper.doi or found.doi) if isinstance(found, Document) else found

    return SERVICE.listing(session, url, item, refresh)


def _query(source: ArxivSource, year: int) -> str:
    dated = "{year}" in source.query
    query = source.query.replace("{year}", str(year))
    if " " in query and (source.category or not dated):
        query = f"({query})"
    category = f"cat:{source.category}" if source.category else ""
    days = "" if dated else f"submittedDate:[{year}01010000 TO {year}12312359]"
    return " AND ".join(filter(None, (category, query, days)))


def _feed(text: str) -> Work | None:
    """A feed's ``works``, the ``first`` of them, the ``total`` number, and an ``error`` message."""

    def said(element: etree._Element, path: str) -> str:
        return " ".join((element.findtext(path, "", _SPACES) or "").split())

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(mended(text.encode("utf-8", "ignore"))[0], parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root.tag != f"{{{_SPACES['a']}}}feed":
        return None
    works = [
        {path.partition(":")[2]: said(entry, path) for path in _FIELDS}
        for entry in root.findall("a:entry", _SPACES)
    ]
    errors = [
        work["summary"] or "an error"
        for work in works
        if "/api/errors" in work["id"] or (work["title"] == "Error" and not arxiv_id(work["id"]))
    ]
    return {
        "works": works,
        "first": next((work for work in works if work["title"]), {}),
        "total": said(root, "search:totalResults"),
        "error": "; ".join(errors),
    }


def _paper(work: Work) -> Paper:
    number, title, text = arxiv_id(work["id"]), clean(work["title"]), clean(work["summary"])
    gone = _WITHDRAWN.match(text) or _WITHDRAWN.match(clean(work["comment"]))
    return Paper(
        key=number or title,
        titles=[title],
        year=work["published"][:4],
        text=text,
        # one paper may have several, separated by blanks
        doi=next(filter(None, map(doi_of, work["doi"].split())), ""),
        url=arxiv_url(number),
        reason="withdrawn" if gone else "",
    )


SERVICE = Service(
    "arXiv",
    "arXiv asks for one request in three seconds from one machine at a time: run again later; "
    "finished documents are in the store",
    narrowing="narrow source.query or name one category",
    found_by="arxiv",
    known=lambda doi, number: f"?id_list={quote_plus(number)}&max_results=1" if number else "",
    search=lambda words: url_of("", {"search_query": f'ti:"{words}"', "max_results": 10}, safe=""),
    paper=_paper,
    read=_feed,
    apart=True,
    works_at=("works",),
    total_at=("total",),
    one_at=("first",),
    error_at="error",
    most=30000,  # it gives no works beyond this
    tries=4,
)
