"""arXiv's API (Atom): papers of a query and year with their abstracts, and single abstracts.

One request in three seconds, which the session keeps to whatever ``fetching.delay`` says. An error
is an entry in an ordinary feed; a page may come empty though there is more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from papertune.collect.identifiers import arxiv_id, arxiv_url, doi_of
from papertune.collect.listings.entries import entry_item
from papertune.collect.listings.services import Service, judged, whole, whole_number
from papertune.collect.lookups import Outcome
from papertune.collect.texts.text import clean
from papertune.collect.texts.titles import best_match, searchable
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import ArxivSource, Lookups

if TYPE_CHECKING:
    from lxml.etree import _Element

PAGE_SIZE = 200  # larger pages come incomplete now and then
MOST_RESULTS = 30000  # the API gives none behind this
TRIES = 4  # how often an empty page is asked for
SERVICE = Service(
    "arXiv",
    "arXiv asks for one request in three seconds from one machine at a time: run again later; "
    "finished documents are in the store",
)
_SPACES = {
    "a": "http://www.w3.org/2005/Atom",
    "arxiv": "http://arxiv.org/schemas/atom",
    "search": "http://a9.com/-/spec/opensearch/1.1/",
}
_WITHDRAWN = re.compile(
    r"^\W*(?:(?:this|the|our) (?:\w+ )?(?:paper|article|submission|manuscript|preprint|work|note"
    r"|version|e-?print|arxiv)\b.{0,60}?\b(?:has|have|had|was|is|been|being)\b.{0,40}?\bwithdrawn"
    r"|(?:paper |article )?withdrawn\b|(?:arxiv admin(?:istrator)? note:?.{0,80}\bwithdrawn))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One paper of a feed; ``id`` is without its version."""

    id: str
    title: str
    summary: str
    comment: str
    year: int | None
    doi: str

    @property
    def withdrawn(self) -> bool:
        """Whether its authors or arXiv took it back."""
        return bool(_WITHDRAWN.match(self.summary) or _WITHDRAWN.match(self.comment))


def list_documents(
    session: PoliteSession, source: ArxivSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers of a query in a year, oldest first, with their abstracts.

    Raises:
        CollectError: an answer cannot be had or is an error, or there are more papers than the
            API gives.
    """
    first = 0
    while True:
        parameters = {
            "search_query": _query(source, year),
            "start": first,
            "max_results": PAGE_SIZE,
            "sortBy": "submittedDate",
            "sortOrder": "ascending",
        }
        url = f"{source.url}?{urlencode(parameters)}"
        entries, total = _page(session, url, refresh, more_after=first)
        if total > MOST_RESULTS:
            raise CollectError(
                f"{total} papers, of which arXiv's API gives {MOST_RESULTS} at most",
                where=url,
                hint="narrow source.query or name one category",
            )
        for entry in entries:
            yield _document(entry, year)
        first += len(entries)
        if first >= total:
            return


def resolve(session: PoliteSession, document: Document, lookups: Lookups) -> Outcome:
    """The abstract of one paper: by the arXiv identifier in its url or DOI, else by its title.

    Reasons: ``not_found``, ``other_title``, ``withdrawn``, ``no_abstract``, ``truncated`` (with
    the text), ``no_doi`` where there is neither an identifier nor a title to search by.
    """
    number = arxiv_id(document.url) or arxiv_id(document.doi)
    words = searchable(document.title)
    if number:
        parameters = {"id_list": number, "max_results": "1"}
    elif words:
        parameters = {"search_query": f'ti:"{words}"', "max_results": "10"}
    else:
        return Outcome(reason="no_doi")
    try:
        entries, _ = _feed(session, f"{lookups.arxiv}?{urlencode(parameters)}", False)
    except PageError as error:
        if number and error.reason in ("http_400", "http_404", "api_error"):
            return Outcome(reason="not_found")  # it has the form of an identifier and is none
        raise
    if number:
        entry = next((one for one in entries if one.title), None)
    else:
        found = [([one.title], one.year, one) for one in entries if one.title]
        entry = best_match(document.title, document.year, found, lookups.title_match)
        if found and entry is None:
            return Outcome(reason="other_title")
    if entry is None:
        return Outcome(reason="not_found")
    if entry.withdrawn:
        return Outcome(reason="withdrawn")
    return judged(entry.summary, "arxiv" if number else "arxiv:title")


def _query(source: ArxivSource, year: int) -> str:
    dated = "{year}" in source.query
    query = source.query.replace("{year}", str(year))
    if " " in query and (source.category or not dated):
        query = f"({query})"
    category = f"cat:{source.category}" if source.category else ""
    days = "" if dated else f"submittedDate:[{year}01010000 TO {year}12312359]"
    return " AND ".join(filter(None, (category, query, days)))


def _page(
    session: PoliteSession, url: str, refresh: bool, more_after: int
) -> tuple[list[Entry], int]:
    """A page of a listing; one that is empty though there is more is asked for again."""
    for attempt in range(TRIES):
        try:
            entries, total = _feed(session, url, refresh or attempt > 0)
        except PageError as error:
            if error.reason in ("http_400", "http_404"):
                raise SERVICE.not_understood(error) from None
            raise
        if entries or more_after >= total:
            return entries, total
    raise CollectError(
        f"arXiv gives {more_after} of {total} papers and then, {TRIES} times, an empty page",
        where=url,
        hint="it does so at times; run again later",
    )


def _feed(session: PoliteSession, url: str, refresh: bool) -> tuple[list[Entry], int]:
    """The entries of an answer and how many there are in all."""
    from lxml import etree

    page = SERVICE.ask(session, url, refresh)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(page.text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise SERVICE.no_answer(session, url, page.text) from None
    if root.tag != f"{{{_SPACES['a']}}}feed":
        raise SERVICE.no_answer(session, url, page.text)
    found = root.findall("a:entry", _SPACES)
    for entry in found:
        name = _text(entry, "a:id")
        if "/api/errors" in name or (_text(entry, "a:title") == "Error" and not arxiv_id(name)):
            session.cache.forget(url)
            said, hint = f"arXiv says: {_text(entry, 'a:summary')}", "look at the query in the url"
            raise PageError(url, "api_error", said, passing=True, hint=hint)
    entries = [_entry(entry) for entry in found]
    total = whole_number(_text(root, "search:totalResults"))
    return entries, len(entries) if total is None else total


def _entry(entry: _Element) -> Entry:
    return Entry(
        id=arxiv_id(_text(entry, "a:id")),
        title=clean(_text(entry, "a:title")),
        summary=clean(_text(entry, "a:summary")),
        comment=clean(_text(entry, "arxiv:comment")),
        year=whole_number(_text(entry, "a:published")[:4]),
        # one paper may have several, apart by blanks
        doi=next(filter(None, map(doi_of, _text(entry, "arxiv:doi").split())), ""),
    )


def _document(entry: Entry, year: int) -> Document | Rejection:
    if not entry.id or not entry.title:
        return Rejection("list", entry.id or entry.title, "bad_item", entry.summary[:200])
    if entry.withdrawn:
        return Rejection("list", entry.id, "withdrawn", entry.title)
    url, text = arxiv_url(entry.id), whole(entry.summary)
    found = entry_item(entry.id, entry.title, year, url=url, text=text)
    # a DOI may come later, and must not make another document of it
    return replace(found, doi=entry.doi) if isinstance(found, Document) else found


def _text(element: _Element, path: str) -> str:
    return " ".join((element.findtext(path, "", _SPACES) or "").split())
