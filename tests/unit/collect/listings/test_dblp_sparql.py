"""Answers of DBLP's SPARQL endpoint, read from the cache: no network, the real session."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from papertune.collect.listings import dblp_sparql
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings import Fetching
from papertune.study.settings.listings import DblpSparqlSource

NAMES = ("publ", "title", "year", "doi", "primary", "link", "type")
CLASS = "https://dblp.org/rdf/schema#"


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


def row(key="conf/x/A", title="A.", kind="Inproceedings", **more):
    values = {"publ": f"https://dblp.org/rec/{key}", "title": title, "year": "2020"}
    return {**values, "type": CLASS + kind, **more}


@pytest.fixture
def asked(tmp_path):
    def read(text, wanted=None, year=2020):
        wanted = wanted or source()
        session = PoliteSession(Fetching(), tmp_path)
        url = f"{wanted.url}?{urlencode({'query': dblp_sparql.query_of(wanted, year)})}"
        session.cache.write(Page(url, url, dblp_sparql.RESULTS, text))
        return list(dblp_sparql.list_documents(session, wanted, year))

    return read


def test_the_rows_of_a_paper_are_one_paper(asked):
    doi, page = "https://doi.org/10.1145/A.1", "https://e.example/a"
    items = asked(
        answer(
            row(doi=doi, primary=doi, link=doi),
            row(doi=doi, primary=doi, link=page),
            row(doi=doi, primary=doi, link=page, kind="Publication"),
            row("conf/x/B", "B &amp; <i>C</i>.", link="https://e.example/b"),
        )
    )
    assert [(item.title, item.url, item.doi) for item in items] == [
        ("A", doi, "10.1145/a.1"),
        ("B & C", "https://e.example/b", ""),
    ]


def test_the_primary_page_comes_before_the_others(asked):
    primary, other = "https://e.example/z", "https://e.example/a"
    [paper] = asked(answer(row(primary=primary, link=other), row(primary=primary, link=primary)))
    assert paper.url == primary


def test_a_doi_without_a_link_is_a_link(asked):
    assert (
        asked(answer(row(doi="https://doi.org/10.1145/A.1")))[0].url
        == "https://doi.org/10.1145/a.1"
    )


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (row(kind="Editorship", link="https://e.example/1"), "proceedings_volume"),
        (row(kind="Withdrawn", link="https://e.example/1"), "withdrawn"),
        (row(link="https://e.example/1") | {"year": "2019"}, "other_year"),
        (row(), "no_link"),
        (row(title="Front Matter.", link="https://e.example/1"), "front_matter"),
    ],
)
def test_what_is_no_paper_is_counted_under_dblps_key(asked, made, reason):
    rejection, paper = asked(answer(made, row("conf/x/B", link="https://e.example/b")))
    assert (rejection.key, rejection.reason) == ("conf/x/A", reason)
    assert isinstance(paper, Document)


def test_a_query_of_ones_own_may_give_titles_and_links_only(asked):
    own = source(query="SELECT ?title ?link WHERE { … {year} }")
    rows = [{"title": "A.", "link": "https://e.example/a"}, {"title": "B."}]
    paper, rejection = asked(answer(*rows, names=("title", "link")), own)
    assert paper.title == "A"
    assert (rejection.key, rejection.reason) == ("row 2", "no_link")


def test_a_query_without_titles_is_told_what_it_lacks(asked):
    with pytest.raises(CollectError, match=r"the query gives link, paper") as caught:
        asked(answer(names=("paper", "link")), source(query="SELECT …"))
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
