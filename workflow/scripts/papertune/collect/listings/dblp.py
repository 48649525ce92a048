"""DBLP: table-of-contents pages (HTML) and the search API (JSON)."""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from papertune.collect.identifiers import doi_of, host_of
from papertune.collect.listings.entries import entry_item
from papertune.collect.listings.services import json_object, whole_number, within
from papertune.collect.texts.text import clean
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.listings import DblpApiSource, DblpSource, DemoSource

PAGE_SIZE = 1000  # hits per request: the most that the API gives
MOST_HITS = 10000  # the API gives no hits behind this offset
# what DBLP calls entries that are no papers: in the pages, the search API, the snapshot, the graph.
# The API's "Books and Theses" is not here: a thesis has an abstract as a paper has.
_NO_PAPERS = {
    "editor": "proceedings_volume",
    "editorship": "proceedings_volume",
    "proceedings": "proceedings_volume",
    "book": "book",
    "reference": "reference_work",
    "reference works": "reference_work",
    "encyclopedia": "reference_work",
    "data": "data",
    "data and artifacts": "data",
    "withdrawn": "withdrawn",
    "withdrawn items": "withdrawn",
    "www": "web_page",
}


def list_documents(
    session: PoliteSession, source: DblpSource | DemoSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The entries of a table of contents.

    Raises:
        CollectError: the page cannot be had, is a challenge, or has no entry.
    """
    from bs4 import BeautifulSoup

    url = source.url.replace("{year}", str(year))
    page = session.get(url, refresh=refresh)
    entries = BeautifulSoup(page.text, "lxml").select("li.entry")
    if not entries:
        raise CollectError(
            "no entry of a DBLP table of contents on this page",
            where=url,
            hint="open it in a browser: source.url must be a page such as "
            "https://dblp.org/db/conf/isca/isca{year}.html with one year's papers",
        )
    for entry in entries:
        published = entry.select_one('[itemprop="datePublished"]')
        printed = str(published.get("content") or published.get_text()) if published else ""
        if "{year}" not in source.url and printed.strip()[:4] != str(year):
            continue
        title = entry.select_one("span.title")
        links = entry.select("li.ee a[href]") or entry.select("li.drop-down .head a[href]")
        yield dblp_item(
            key=str(entry.get("id") or entry.get("data-key") or url),
            title=title.decode_contents() if title else "",
            links=[str(link.get("href")) for link in links],
            year=year,
            kinds=map(str, entry.get("class") or []),
        )


def search(
    session: PoliteSession, source: DblpApiSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The hits of a search, page by page.

    Raises:
        CollectError: a page cannot be had, is a challenge or no JSON, or there are more hits than
            the API gives.
    """
    query = quote(source.query.replace("{year}", str(year)))
    first = 0
    while True:
        url = f"{source.url}?q={query}&format=json&h={PAGE_SIZE}&f={first}"
        hits = _hits(session.get(url, refresh=refresh, api=True).text, url)
        total = int(hits.get("@total") or 0)
        found = _listed(hits.get("hit"))
        for hit in found:
            info = hit.get("info") if isinstance(hit, dict) else None
            if isinstance(info, dict):
                yield _from_hit(info, year)
            else:
                yield Rejection("list", url, "bad_item", writable(str(hit))[:200])
        first += len(found)
        if first >= total:
            return
        if not found or first >= MOST_HITS:
            raise CollectError(
                f"DBLP gives {first} of {total} hits only",
                where=url,
                hint="narrow source.query, for example 'toc:db/conf/isca/isca{year}.bht:'",
            )


def no_answer(said: str, url: str, service: str) -> CollectError:
    """The error for what is no answer: a page for people, perhaps one that asks for a human."""
    return CollectError(
        f"not an answer of {service}: {' '.join(said.split())[:80]!r}",
        where=url,
        hint="open the url in a browser: it must give JSON. If it shows a page that asks for a "
        "human, use DBLP's SPARQL endpoint or a snapshot (source kinds dblp_sparql, dblp_snapshot)",
    )


def _hits(text: str, url: str) -> dict[str, Any]:
    hits = within(json_object(text), ("result", "hits"))
    if not isinstance(hits, dict) or whole_number(hits.get("@total") or 0) is None:
        raise no_answer(text, url, "DBLP's search API")
    return hits


def _from_hit(info: dict[str, Any], year: int) -> Document | Rejection:
    title = _text(info.get("title"))
    key = _text(info.get("key")) or _text(info.get("url")) or title
    published = _text(info.get("year"))
    if published != str(year):
        return Rejection("list", key, "other_year", clean(f"{title} ({published or 'no year'})"))
    return dblp_item(
        key=key,
        title=title,
        links=[_text(link) for link in _listed(info.get("ee"))],
        year=year,
        kinds=[_text(info.get("type"))],
        doi=_text(info.get("doi")),
    )


def _listed(value: Any) -> list[Any]:
    """A list of what the API gives as nothing, as one thing or as a list of them."""
    if value in (None, "", {}):
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """The text of what the API gives as text, as a number or as ``{"@attribute": …, "text": …}``."""
    if isinstance(value, dict):
        value = value.get("text")
    return writable(str(value)).strip() if isinstance(value, str | int) else ""


def writable(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair: UTF-8 cannot say these."""
    return text.encode("utf-8", "replace").decode()


def dblp_item(
    *, key: str, title: str, links: list[str], year: int, kinds: Iterable[str] = (), doi: str = ""
) -> Document | Rejection:
    """The document of one of DBLP's entries, or why it is none.

    Args:
        key: DBLP's key, for the rejection.
        title: The title, with markup and DBLP's full stop.
        links: The links to electronic editions, in DBLP's order.
        year: The year.
        kinds: What DBLP calls the entry: its type, element or classes.
        doi: The DOI where DBLP names it beside the links.
    """
    # DBLP ends every title with a full stop of its own
    title = re.sub(r"(?<!\.)\.$", "", clean(title))
    kind = next((kind.lower() for kind in kinds if kind.lower() in _NO_PAPERS), "")
    if kind:
        return Rejection("list", key, _NO_PAPERS[kind], title)
    doi = next(filter(None, map(doi_of, [doi, *links])), "")
    return entry_item(key, title, year, doi=doi, url=landing(links))


def landing(links: list[str]) -> str:
    """The landing page among an entry's links: a DOI's first, then a page, then whatever there is."""
    web = [link.strip() for link in links if host_of(link.strip())]
    pages = [
        link
        for link in web
        if not urlsplit(link).path.lower().endswith((".pdf", ".ps", ".ps.gz"))
        and "wikidata.org" not in link
    ]
    dois = [link for link in pages if re.match(r"https?://(dx\.)?doi\.org/", link)]
    return next(iter([*dois, *pages, *web]), "")
