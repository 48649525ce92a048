"""Volume pages of the Proceedings of Machine Learning Research.

All volumes are now served with ``div.paper``. Early ones, and copies from their time at JMLR, have
the papers in ``dl dt`` and the links in ``dd``.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from papertune.collect.identifiers import host_of, whole_url
from papertune.collect.listings.listing import entry_item
from papertune.collect.texts.text import clean
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.identity import digest
from papertune.records import Document, Rejection
from papertune.study.settings.listings import PmlrSource


def read_volumes(
    session: PoliteSession, source: PmlrSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers of a year's volumes.

    Raises:
        CollectError: no volume is given for the year, or a volume's page cannot be fetched, is a
            challenge, or lists no paper.
    """
    if not source.volumes.get(year):
        raise CollectError(
            f"no volume is given for {year}",
            where="source.volumes",
            hint=f"add '{year}: [NUMBER]', the numbers as in https://proceedings.mlr.press/",
        )
    for volume in source.volumes[year]:
        url = source.url.replace("{volume}", str(volume)).replace("{year}", str(year))
        page = session.get(url, refresh=refresh)
        with session.reading(url):
            papers = session.readers.read(
                papers_of, page.text, page.landed, of=f"{url} {digest(page.text)}"
            )
        if not papers:
            raise CollectError(
                "no paper on this volume page",
                where=url,
                hint="open it in a browser; source.url must be the page of one PMLR volume",
            )
        for number, (title, landing) in enumerate(papers, start=1):
            yield entry_item(f"v{volume}#{number}", title, year, url=landing)


def papers_of(html: str, base: str) -> list[tuple[str, str]]:
    """(title, url) of a volume's papers, in the order of its page, whose url is ``base``."""
    page, papers = BeautifulSoup(html, "lxml"), []
    for paper in page.select("div.paper, li.paper"):
        heading = paper.select_one(".title, h3, h4")
        title = clean(heading.decode_contents()) if heading else ""
        papers.append((title, paper.select(".links a[href]") or paper.select("a[href]")))
    for heading in [] if papers else page.select("dl > dt:has(+ dd)"):
        links = [*heading.select("a[href]"), *heading.find_next_sibling().select("a[href]")]
        papers.append((clean(heading.decode_contents()), links))
    return [(title, _landing(links, base)) for title, links in papers]


def _landing(links: list[Tag], base: str) -> str:
    """The page with the abstract: the link named so, else the first link to a page."""
    places = [
        (clean(link.get_text()).strip("[] ").lower() in ("abs", "abstract"), place)
        for link in links
        if (place := whole_url(base, str(link.get("href")).strip()))
    ]
    named = [place for says, place in places if says and not urlsplit(place).path.endswith(".pdf")]
    pages = [place for _, place in places if urlsplit(place).path.endswith(".html")]
    landing = next(iter([*named, *pages]), "")
    # old pages link to their own site by http: one paper must not have two urls
    secure = base.startswith("https://") and host_of(base) == host_of(landing)
    return re.sub(r"^http:", "https:", landing) if secure else landing
