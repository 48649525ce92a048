"""Answers of DBLP's SPARQL endpoint, read from the cache: no network, the real session."""

import json
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from papertune.collect.listings import dblp_sparql
from papertune.errors import CollectError
from papertune.study.settings.listings import DblpSparqlSource

NAMES = ("publ", "title", "year", "doi", "primary", "link", "type")
DOI, PAGE = "https://doi.org/10.1145/A.1", "https://e.example/a"


def source(**settings):
    settings = settings or {"streams": ["conf/x"]}
    return DblpSparqlSource(kind="dblp_sparql", url="https://sparql.example/sparql", **settings)


def answer(*rows, names=NAMES):
    """SPARQL's JSON of rows of texts; what begins with http is a uri."""
    bindings = [
        {
            name: {"type": "uri" if value.startswith("http") else "literal", "value": value}
            for name, value in row.items()
        }
        for row in rows
    ]
    return json.dumps({"head": {"vars": list(names)}, "results": {"bindings": bindings}})


def row(key="conf/x/A", kind="Inproceedings", **more):
    values = {"publ": f"https://dblp.org/rec/{key}", "title": "A.", "year": "2020"}
    return {**values, "type": f"https://dblp.org/rdf/schema#{kind}", **more}


@pytest.fixture
def asked(cached):
    def read(text, **settings):
        wanted = source(**settings)
        url = f"{wanted.url}?{urlencode({'query': dblp_sparql.query_of(wanted, 2020)})}"
        session = cached(url, text, dblp_sparql.RESULTS)
        return list(dblp_sparql.list_documents(session, wanted, 2020))

    return read


@pytest.mark.parametrize(
    ("rows", "url", "doi"),
    [
        (
            [
                row(doi=DOI, primary=DOI, link=DOI),
                row(doi=DOI, primary=DOI, link=PAGE),
                row(doi=DOI, primary=DOI, link=PAGE, kind="Publication"),
            ],
            DOI,
            "10.1145/a.1",
        ),
        ([row(doi=DOI)], DOI.lower(), "10.1145/a.1"),
        ([row(primary="https://e.example/z", link=PAGE)], "https://e.example/z", ""),
        ([row(link=PAGE)], PAGE, ""),
    ],
)
def test_the_rows_of_a_paper_are_one_paper(asked, rows, url, doi):
    paper, other = asked(answer(*rows, row("conf/x/B", title="B.", link=PAGE)))
    assert (paper.title, paper.url, paper.doi) == ("A", url, doi)
    assert other.title == "B"


def test_what_is_no_paper_is_counted_under_dblps_key(asked):
    rows = row(kind="Editorship", link=PAGE), row("B", link=PAGE, year="2019"), row("C")
    assert [(item.key, item.reason) for item in asked(answer(*rows))] == [
        ("conf/x/A", "proceedings_volume"),
        ("B", "other_year"),
        ("C", "no_link"),
    ]


def test_a_query_of_ones_own_may_give_titles_and_links_only(asked):
    rows = [{"title": "A.", "link": PAGE}, {"title": "B."}]
    own = "SELECT ?title ?link WHERE { … {year} }"
    paper, rejection = asked(answer(*rows, names=("title", "link")), query=own)
    assert paper.title == "A"
    assert (rejection.key, rejection.reason) == ("row 2", "no_link")
    with pytest.raises(CollectError, match=r"the query gives link, paper") as caught:
        asked(answer(names=("paper", "link")), query="SELECT …")
    assert "?title" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html><title>Wait</title>", "not an answer of DBLP's SPARQL endpoint"),
        ("", "not an answer of DBLP's SPARQL endpoint"),
        ("[]", "not SPARQL's JSON"),
        ('{"exception": "Operation timed out."}', "Operation timed out"),
        (
            '{"head": {"vars": ["title"]}, "results": {"bindings": [{"title": "x"}]}}',
            "not SPARQL's",
        ),
    ],
)
def test_an_answer_that_is_none_is_a_failure_and_not_zero_papers(asked, text, said):
    with pytest.raises(CollectError, match=said):
        asked(text)


def test_the_query_of_a_year():
    query = dblp_sparql.query_of(source(streams=["conf/isca", "journals/tocs"]), 1999)
    assert "<https://dblp.org/streams/conf/isca> <https://dblp.org/streams/journals/tocs>" in query
    assert '"1999"^^xsd:gYear' in query
    assert "dblp:publishedInStream ?where" in query
    venues = dblp_sparql.query_of(source(venues=['A "B"', "Café"]), 1999)
    assert r'{ "A \"B\"" "Café" }' in venues
    assert "dblp:publishedIn ?where" in venues
    assert dblp_sparql.query_of(source(query="… {year} …"), 1999) == "… 1999 …"


@pytest.mark.parametrize(
    "settings",
    [{"streams": []}, {"streams": ["conf/x"], "query": "x"}, {"streams": ["conf/x> ?s ?p ?o"]}],
)
def test_settings_that_ask_nothing_or_two_things_are_refused(settings):
    with pytest.raises(ValidationError):
        source(**settings)
