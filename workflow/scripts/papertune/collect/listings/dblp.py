"""DBLP: table-of-contents pages (HTML), the search API (JSON), and the SPARQL endpoint.

The endpoint's schema is described at https://dblp.org/rdf/docu/. A paper has a row for each
combination of its links, DOIs and classes; rows with the same ``?publ`` are one paper.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from bs4 import BeautifulSoup

from papertune.collect.identifiers import doi_of, host_of
from papertune.collect.listings.answers import Work, json_object, within
from papertune.collect.listings.listing import entry_item
from papertune.collect.listings.services import Service, url_of
from papertune.collect.texts.text import clean
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.identity import digest
from papertune.records import Document, Rejection
from papertune.study.settings import listings

PAGE_SIZE = 1000  # hits per request: the most that the API gives
RESULTS = "application/sparql-results+json"
NAMES = ("title", "year", "doi", "primary", "link", "type")
QUERY = """\
PREFIX dblp: <https://dblp.org/rdf/schema#>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
SELECT DISTINCT ?publ ?title ?year ?doi ?primary ?link ?type WHERE {
  VALUES ?where { %s }
  VALUES ?year { "%d"^^xsd:gYear }
  ?publ dblp:%s ?where .
  ?publ dblp:yearOfPublication ?year .
  ?publ dblp:title ?title .
  ?publ a ?type .
  OPTIONAL { ?publ dblp:doi ?doi }
  OPTIONAL { ?publ dblp:primaryDocumentPage ?primary }
  OPTIONAL { ?publ dblp:documentPage ?link }
}
ORDER BY ?publ ?link"""


# DBLP's types of entries that are no papers: in pages, search API, snapshot and graph. The API's
# "Books and Theses" is not among them: a thesis has an abstract like a paper.
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
    session: PoliteSession, source: listings.DblpSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The entries of a table of contents, DBLP's or the built-in venue's.

    Raises:
        CollectError: the page cannot be fetched, is a challenge, or has no entry.
    """
    url = source.url.replace("{year}", str(year))
    page = session.get(url, refresh=refresh)
    with session.reading(url):
        entries = session.readers.read(entries_of, page.text, of=f"{url} {digest(page.text)}")
    if not entries:
        raise CollectError(
            "no entry of a DBLP table of contents on this page",
            where=url,
            hint="open it in a browser: source.url must be a page such as "
            "https://dblp.org/db/conf/isca/isca{year}.html with one year's papers",
        )
    for printed, entry in entries:
        if "{year}" in source.url or printed.strip()[:4] == str(year):
            yield dblp_item(**{**entry, "key": entry["key"] or url}, year=year)


def entries_of(html: str) -> list[tuple[str, dict[str, Any]]]:
    """(year as printed, fields for :func:`dblp_item`) of the entries of a table of contents."""
    found = []
    for entry in BeautifulSoup(html, "lxml").select("li.entry"):
        published = entry.select_one('[itemprop="datePublished"]')
        printed = str(published.get("content") or published.get_text()) if published else ""
        title = entry.select_one("span.title")
        links = entry.select("li.ee a[href]") or entry.select("li.drop-down .head a[href]")
        said = {
            "key": str(entry.get("id") or entry.get("data-key") or ""),
            "title": title.decode_contents() if title else "",
            "links": [str(link.get("href")) for link in links],
            "kinds": list(map(str, entry.get("class") or [])),
        }
        found.append((printed, said))
    return found


def search(
    session: PoliteSession, source: listings.DblpApiSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The hits of a search; see Service.listing."""
    query = quote(source.query.replace("{year}", str(year)))
    url = f"{source.url}?q={query}&format=json&h={PAGE_SIZE}&f="
    return SEARCH.listing(
        session, lambda first: url + first, lambda hit: _from_hit(hit, year), refresh
    )


def sparql(
    session: PoliteSession, source: listings.DblpSparqlSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers that a year's query finds.

    A user's own query must have the variable ``?title`` and one of ``?doi``, ``?primary`` and
    ``?link``. Optional are ``?publ`` (without it each row is a paper), ``?year`` and ``?type``.
    ``{year}`` in it is replaced by the year.

    Raises:
        CollectError: the endpoint refuses the query or does not answer with SPARQL's JSON, or the
            query lacks a variable.
    """
    url = url_of(source.url, {"query": query_of(source, year)}, safe="")
    answer, rows = SPARQL.works(session, url, refresh)
    names = within(answer, ("head", "vars"))
    names = sorted(map(str, names)) if isinstance(names, list) else []
    if "title" not in names or not {"doi", "primary", "link"} & set(names):
        raise CollectError(
            f"the query gives {', '.join(names) or 'nothing'}",
            where="source.query",
            hint="it must SELECT ?title and one of ?doi, ?primary and ?link; ?publ, ?year and "
            "?type are optional",
        )
    papers: dict[str, dict[str, list[str]]] = {}
    for number, row in enumerate(rows, start=1):
        cells = row.items() if isinstance(row, dict) else ()
        said = {name: _text(within(cell, ("value",))) for name, cell in cells}
        key = said.get("publ", "").removeprefix("https://dblp.org/rec/") or f"row {number}"
        paper = papers.setdefault(key, {name: [] for name in NAMES})
        for name in NAMES:
            paper[name] += filter(None, [said.get(name)])
    for key, paper in papers.items():
        yield dblp_item(
            key=key,
            title=next(iter(paper["title"]), ""),
            links=[*paper["primary"][:1], *paper["link"]],
            year=year,
            kinds=sorted(re.split(r"[#/]", kind)[-1] for kind in paper["type"]),
            doi=next(iter(paper["doi"]), ""),
            printed=next(iter(paper["year"]), "")[:4],
        )


def query_of(source: listings.DblpSparqlSource, year: int) -> str:
    """The query of a year."""
    if source.query:
        return source.query.replace("{year}", str(year))
    if source.streams:
        wanted = " ".join(f"<https://dblp.org/streams/{stream}>" for stream in source.streams)
        return QUERY % (wanted, year, "publishedInStream")
    # JSON's escapes are valid in SPARQL if all other characters stay unescaped
    wanted = " ".join(json.dumps(venue, ensure_ascii=False) for venue in source.venues)
    return QUERY % (wanted, year, "publishedIn")


def dblp_item(
    *,
    key: str,
    title: str,
    links: list[str],
    year: int,
    kinds: Iterable[str] = (),
    doi: str = "",
    printed: str = "",
) -> Document | Rejection:
    """The document of an entry of DBLP, or its rejection under ``key``.

    ``links`` are those to electronic editions in DBLP's order, ``kinds`` DBLP's names for the entry
    (its type, element or classes), ``printed`` its year, if entries of other years may occur.
    """
    # DBLP ends every title with a full stop of its own
    title = re.sub(r"(?<!\.)\.$", "", clean(title))
    if printed not in ("", str(year)):
        return Rejection("list", key, "other_year", f"{title} ({printed})")
    kind = next((kind.lower() for kind in kinds if kind.lower() in _NO_PAPERS), "")
    if kind:
        return Rejection("list", key, _NO_PAPERS[kind], title)
    doi = next(filter(None, map(doi_of, [doi, *links])), "")
    return entry_item(key, title, year, doi=doi, url=landing(links))


def landing(links: list[str]) -> str:
    """The landing page among an entry's links: a DOI link, else a page, else any link."""

    def rank(link: str) -> int:
        file = urlsplit(link).path.lower().endswith((".pdf", ".ps", ".ps.gz"))
        if file or "wikidata.org" in link:
            return 2
        return 0 if re.match(r"https?://(dx\.)?doi\.org/", link) else 1

    return min(filter(host_of, map(str.strip, links)), key=rank, default="")


# ---- hits of the search API -------------------------------------------------------------------


def _hits(text: str) -> Work | None:
    """The hits as ``works``, and their ``total`` number."""
    hits = within(json_object(text), ("result", "hits"))
    if not isinstance(hits, dict) or not {"@total", "hit"} & set(hits):
        return None
    works = [hit if isinstance(hit, dict) else {"@id": hit} for hit in _listed(hits.get("hit"))]
    return {"total": hits.get("@total"), "works": works}


def _from_hit(hit: Work, year: int) -> Document | Rejection:
    info = hit.get("info")
    if not isinstance(info, dict):
        return Rejection("list", f"hit {_text(hit.get('@id'))}", "bad_item", str(hit)[:200])
    title = _text(info.get("title"))
    return dblp_item(
        key=_text(info.get("key")) or _text(info.get("url")) or title,
        title=title,
        links=[_text(link) for link in _listed(info.get("ee"))],
        year=year,
        kinds=[_text(info.get("type"))],
        doi=_text(info.get("doi")),
        printed=_text(info.get("year")) or "no year",
    )


def _listed(value: Any) -> list[Any]:
    """A list from a value that the API omits or gives as one item or as a list."""
    return value if isinstance(value, list) else [value] if value else []


def _text(value: Any) -> str:
    """The text of a value: text, a number, or an object ``{"@attribute": …, "text": …}``."""
    if isinstance(value, dict):
        value = value.get("text")
    return str(value).strip() if isinstance(value, str | int) else ""


_LATER = "run again later; what was found so far is kept"
SEARCH = Service(
    "DBLP's search API",
    _LATER,
    otherwise="use DBLP's SPARQL endpoint or a snapshot (source kinds dblp_sparql, dblp_snapshot)",
    narrowing="narrow source.query, for example 'toc:db/conf/isca/isca{year}.bht:'",
    read=_hits,
    works_at=("works",),
    total_at=("total",),
    most=10000,  # it gives no works beyond this offset
)
SPARQL = Service(
    "DBLP's SPARQL endpoint",
    _LATER,
    otherwise="use a snapshot of DBLP (source kind dblp_snapshot); source.url must be a SPARQL "
    "endpoint such as https://sparql.dblp.org/sparql, and the query a SELECT",
    asking="try the query at https://sparql.dblp.org/: source.query must be a whole SELECT with "
    "its PREFIX lines; streams are written as conf/isca or journals/pacmpl",
    works_at=("results", "bindings"),
    error_at="exception",
    headers=lambda url: {"Accept": RESULTS},
)
