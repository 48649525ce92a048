"""DBLP: table-of-contents pages (HTML) and the search API (JSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from papertune.errors import CollectError
from papertune.identity import document_id
from papertune.records import Document, Rejection
from papertune.settings import DblpApiSource
from papertune.sources.session import PoliteSession, host_of
from papertune.sources.text import clean

if TYPE_CHECKING:
    from bs4 import Tag

PAGE_SIZE = 1000  # hits per request: the most that the API gives
MOST_HITS = 10000  # the API gives no hits behind this offset
_FRONT_MATTER = re.compile(
    r"^(front ?matter|title ?page.*|table of contents|contents|copyright( page)?|preface|foreword"
    r"|(message|welcome)( message)? from the .*(chairs?|committee|editors?)|author index|index"
    r"|(organizing|program|conference|steering) committee|reviewers|committees|sponsors)$",
    re.IGNORECASE,
)
_VOLUMES = {"editor", "book", "reference"}
_VOLUME_TYPES = ("Editorship",)


def read_contents(
    session: PoliteSession, template: str, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The entries of a table of contents.

    Args:
        session: The source's session.
        template: The url; ``{year}`` stands for the year. Without it, entries of other years
            are passed over.
        year: The year asked for.
        refresh: Ask the site even if the page is in the cache.

    Raises:
        CollectError: the page cannot be had, is a challenge, or has no entry.
    """
    from bs4 import BeautifulSoup

    url = template.replace("{year}", str(year))
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
        if "{year}" not in template and printed.strip()[:4] != str(year):
            continue
        key = str(entry.get("id") or entry.get("data-key") or "") or url
        title = entry.select_one("span.title")
        yield _item(
            key=key,
            title=title.decode_contents() if title else "",
            links=_links(entry),
            year=year,
            volume=bool(_VOLUMES & set(map(str, entry.get("class") or []))),
        )


def search(
    session: PoliteSession, source: DblpApiSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The hits of a search, page by page.

    Raises:
        CollectError: a page cannot be had, is a challenge or no JSON, or there are more hits than
            the API gives.
    """
    query = source.query.replace("{year}", str(year))
    first = 0
    while True:
        url = f"{source.url}?q={quote(query)}&format=json&h={PAGE_SIZE}&f={first}"
        hits = _hits(session.get(url, refresh=refresh).text, url)
        total = int(hits.get("@total", 0))
        found = hits.get("hit") or []
        for hit in [found] if isinstance(found, dict) else found:
            yield _from_hit(hit.get("info") or {}, year)
        sent = int(hits.get("@sent", 0)) or len(found)
        first += sent
        if first >= total:
            return
        if not sent or first >= MOST_HITS:
            raise CollectError(
                f"DBLP gives {first} of {total} hits only",
                where=url,
                hint="narrow source.query, for example 'toc:db/conf/isca/isca{year}.bht:'",
            )


def _hits(text: str, url: str) -> dict[str, Any]:
    try:
        hits = json.loads(text)["result"]["hits"]
        int(hits.get("@total", 0)), int(hits.get("@sent", 0))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CollectError(
            f"not an answer of DBLP's search API: {' '.join(text.split())[:80]!r}",
            where=url,
            hint="open the url in a browser: it must give JSON",
        ) from None
    return dict(hits)


def _from_hit(info: dict[str, Any], year: int) -> Document | Rejection:
    links = info.get("ee") or []
    key = str(info.get("key") or info.get("url") or info.get("title") or "")
    if str(info.get("year", "")) != str(year):
        return Rejection(
            "list", key, "other_year", clean(f"{info.get('title', '')} ({info.get('year')})")
        )
    return _item(
        key=key,
        title=str(info.get("title") or ""),
        links=[str(link) for link in ([links] if isinstance(links, str) else links)],
        year=year,
        volume=info.get("type") in _VOLUME_TYPES,
    )


def _item(
    *, key: str, title: str, links: list[str], year: int, volume: bool
) -> Document | Rejection:
    # DBLP ends every title with a full stop of its own
    title = re.sub(r"(?<!\.)\.$", "", clean(title))
    if volume:
        return Rejection("list", key, "proceedings_volume", title)
    if _FRONT_MATTER.match(title):
        return Rejection("list", key, "front_matter", title)
    if not title:
        return Rejection("list", key, "no_title", " ".join(links))
    url = landing(links)
    if not url:
        return Rejection("list", key, "no_link", title)
    return Document(id=document_id(url), title=title, url=url, year=year)


def _links(entry: Tag) -> list[str]:
    """The links to electronic editions, in DBLP's order."""
    found = entry.select("li.ee a[href]") or entry.select("nav.publ li.drop-down .head a[href]")
    return [str(link.get("href")) for link in found]


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
