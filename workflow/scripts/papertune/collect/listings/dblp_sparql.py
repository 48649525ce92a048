"""DBLP's SPARQL endpoint: the papers of streams or venues, or of a query of the user's own.

The schema is described at https://dblp.org/rdf/docu/. A paper comes in as many rows as it has
links, DOIs and classes; rows of one ``?publ`` are one paper.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode

from papertune.collect.listings.dblp import dblp_item, no_answer, writable
from papertune.collect.listings.services import json_object
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
    except PageError as error:
        if error.reason != "http_400":
            raise
        raise CollectError(
            f"{SERVICE} refuses the query (status 400)",
            where=source.url,
            hint="try the query at https://sparql.dblp.org/: source.query must be a whole SELECT "
            "with its PREFIX lines; streams are written as conf/isca or journals/pacmpl",
        ) from None
    for key, rows in _papers(page.text, source.url).items():
        said = {name: list(dict.fromkeys(row[name] for row in rows if row.get(name)))
                for name in ("title", "year", "doi", "primary", "link", "type")}  # fmt: skip
        first = {name: next(iter(values), "") for name, values in said.items()}
        if first["year"] and first["year"][:4] != str(year):
            detail = f"{clean(first['title'])} ({first['year']})"
            yield Rejection("list", key, "other_year", detail)
            continue
        yield dblp_item(
            key=key,
            title=first["title"],
            links=[*said["primary"][:1], *said["link"]],
            year=year,
            kinds=sorted(re.split(r"[#/]", kind)[-1] for kind in said["type"]),
            doi=first["doi"],
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


def _papers(text: str, url: str) -> dict[str, list[dict[str, str]]]:
    """The rows by paper, in the order of the answer."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise no_answer(text, url, SERVICE) from None
    try:
        names = set(answer["head"]["vars"])
        rows = [
            {str(name): writable(str(cell["value"])) for name, cell in row.items()}
            for row in answer["results"]["bindings"]
        ]
    except (KeyError, TypeError, AttributeError):
        said = (json_object(text) or {}).get("exception", answer)
        raise CollectError(
            f"not SPARQL's JSON: {' '.join(str(said).split())[:200]}",
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
    papers: dict[str, list[dict[str, str]]] = {}
    for number, row in enumerate(rows, start=1):
        key = row.get("publ", "").removeprefix(RECORDS) or f"row {number}"
        papers.setdefault(key, []).append(row)
    return papers
