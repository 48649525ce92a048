"""Volume pages of the Proceedings of Machine Learning Research."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

from papertune.errors import CollectError
from papertune.identity import document_id
from papertune.records import Document, Rejection
from papertune.settings import PmlrSource
from papertune.sources.session import PoliteSession, host_of
from papertune.sources.text import clean


def read_volumes(
    session: PoliteSession, source: PmlrSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers of a year's volumes.

    Raises:
        CollectError: no volume is given for the year, or a volume's page cannot be had, is a
            challenge, or lists no paper.
    """
    from bs4 import BeautifulSoup

    if not source.volumes.get(year):
        raise CollectError(
            f"no volume is given for {year}",
            where="source.volumes",
            hint=f"add '{year}: [NUMBER]', the numbers as in https://proceedings.mlr.press/",
        )
    for volume in source.volumes[year]:
        url = source.url.replace("{volume}", str(volume)).replace("{year}", str(year))
        page = session.get(url, refresh=refresh)
        papers = BeautifulSoup(page.text, "lxml").select("div.paper")
        if not papers:
            raise CollectError(
                "no paper on this volume page",
                where=url,
                hint="open it in a browser; source.url must be the page of one PMLR volume",
            )
        for number, paper in enumerate(papers, start=1):
            heading = paper.select_one("p.title, .title")
            title = clean(heading.decode_contents()) if heading else ""
            links = [str(link.get("href")) for link in paper.select(".links a[href]")]
            pages = [link for link in links if link.split("#")[0].endswith(".html")]
            pages = [link for link in (_join(page.landed, link) for link in pages) if host_of(link)]
            where = f"v{volume}#{number}"
            if not title:
                yield Rejection("list", where, "no_title", " ".join(links))
            elif not pages:
                yield Rejection("list", where, "no_link", title)
            else:
                yield Document(id=document_id(pages[0]), title=title, url=pages[0], year=year)


def _join(base: str, link: str) -> str:
    """The whole url of a link, or an empty string where it is none."""
    try:
        return urljoin(base, link)
    except ValueError:
        return ""
