"""DBLP's SPARQL endpoint: the papers of streams or venues, or of a query of the user's own.

The schema is described at https://dblp.org/rdf/docu/. A paper comes in as many rows as it has
links, DOIs and classes; rows of one ``?publ`` are one paper.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from papertune.collect.listings.dblp import dblp_item, json_answer, whole
from papertune.collect.texts.text import clean
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.listings import DblpSparqlSource

SERVICE = "DBLP's SPARQL endpoint"
RECORDS = "https://dblp.org/rec/"
RESULTS = "application/sparql-results+json"
STREAMS = "https://dblp.org/streams/"
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


@dataclass(slots=True)
class Paper:
    """What the rows of one paper say together."""

    title: str = ""
    year: str = ""
    doi: str = ""
    primary: str = ""
    links: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)


def list_documents(
    session: PoliteSession, source: DblpSparqlSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers that the query of a year finds.

    A query of the user's own has the variable ``?title`` and one of ``?doi``, ``?primary`` and
    ``?link``; ``?publ`` (else the rows are one paper each), ``?year`` and ``?type`` are heeded
    where it has them, and ``{year}`` in it stands for the year.

    Raises:
        CollectError: the endpoint refuses the query, answers with a page or with something else
            than SPARQL's JSON, or the query lacks a variable.
    """
    url = f"{source.url}?{urlencode({'query': query_of(source, year)})}"
    try:
        page = session.get(url, refresh=refresh, headers={"Accept": RESULTS}, api=True)
        answer = json_answer(page.text, source.url, SERVICE)
    except PageError as error:
        if error.reason != "http_400":
            raise
        raise CollectError(
            f"{SERVICE} refuses the query (status 400)",
            where=source.url,
            hint="try the query at https://sparql.dblp.org/: source.query must be a whole SELECT "
            "with its PREFIX lines; streams are written as conf/isca or journals/pacmpl",
        ) from None
    for key, paper in _papers(answer, source.url).items():
        if paper.year and paper.year[:4] != str(year):
            yield Rejection("list", key, "other_year", f"{clean(paper.title)} ({paper.year})")
            continue
        links = [paper.primary, *paper.links]
        yield dblp_item(
            key=key,
            title=paper.title,
            links=[link for link in dict.fromkeys(links) if link],
            year=year,
            kinds=sorted(paper.kinds),
            doi=paper.doi,
        )


def query_of(source: DblpSparqlSource, year: int) -> str:
    """The query of a year."""
    if source.query:
        return source.query.replace("{year}", str(year))
    if source.streams:
        wanted = " ".join(f"<{STREAMS}{stream}>" for stream in source.streams)
        return QUERY % (wanted, year, "publishedInStream")
    # JSON's escapes are SPARQL's too, as long as all other characters stay themselves
    wanted = " ".join(json.dumps(venue, ensure_ascii=False) for venue in source.venues)
    return QUERY % (wanted, year, "publishedIn")


def _papers(answer: Any, url: str) -> dict[str, Paper]:
    """The rows by paper, in the order of the answer."""
    try:
        names = set(answer["head"]["vars"])
        rows = [
            {str(name): whole(str(cell["value"])) for name, cell in row.items()}
            for row in answer["results"]["bindings"]
        ]
    except (KeyError, TypeError, AttributeError):
        said = answer.get("exception") if isinstance(answer, dict) else None
        raise CollectError(
            f"not SPARQL's JSON: {' '.join(str(said or answer).split())[:200]}",
            where=url,
            hint="source.url must be a SPARQL endpoint such as https://sparql.dblp.org/sparql, "
            "and the query a SELECT",
        ) from None
    if "title" not in names or not names & {"doi", "primary", "link"}:
        raise CollectError(
            f"the query gives {', '.join(sorted(names)) or 'nothing'}",
            where="source.query",
            hint="it must SELECT ?title and one of ?doi, ?primary and ?link; ?publ, ?year and "
            "?type are of use too",
        )
    papers: dict[str, Paper] = {}
    for number, row in enumerate(rows, start=1):
        key = row.get("publ", "").removeprefix(RECORDS) or f"row {number}"
        paper = papers.setdefault(key, Paper())
        paper.title = paper.title or row.get("title", "")
        paper.year = paper.year or row.get("year", "")
        paper.doi = paper.doi or row.get("doi", "")
        paper.primary = paper.primary or row.get("primary", "")
        if row.get("link") and row["link"] not in paper.links:
            paper.links.append(row["link"])
        if row.get("type"):
            paper.kinds.add(re.split(r"[#/]", row["type"])[-1])
    return papers
