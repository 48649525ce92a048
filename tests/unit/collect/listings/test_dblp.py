"""What DBLP's entries are, and which queries its SPARQL endpoint gets."""

import pytest
from pydantic import ValidationError

from papertune.collect.listings import dblp
from papertune.study.settings.listings import DblpSparqlSource

LINK = "https://e.example/1"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"kinds": ["entry", "editor", "toc"]}, "proceedings_volume"),
        ({"kinds": ["Editorship"]}, "proceedings_volume"),
        ({"kinds": ["proceedings", ""]}, "proceedings_volume"),
        ({"kinds": ["book"]}, "book"),
        ({"kinds": ["reference"]}, "reference_work"),
        ({"kinds": ["Reference Works"]}, "reference_work"),
        ({"kinds": ["data"]}, "data"),
        ({"kinds": ["article", "withdrawn"]}, "withdrawn"),
        ({"kinds": ["Withdrawn Items"]}, "withdrawn"),
        ({"kinds": ["Books and Theses"]}, ""),  # a thesis is a document as a paper is
        ({"title": "Front Matter."}, "front_matter"),
        ({"title": ""}, "no_title"),
        ({"links": []}, "no_link"),
        ({"links": ["http://[broken"]}, "no_link"),
        ({"links": ["https://e.example:port/"]}, "no_link"),
        ({"links": [], "doi": "10.1145/a"}, ""),
        ({"printed": "2019"}, "other_year"),
    ],
)
def test_what_is_no_paper_is_counted_with_its_reason(how, reason):
    item = dblp.dblp_item(**{"key": "k", "title": "A.", "links": [LINK], "year": 2020, **how})
    assert item.reason == reason
    assert not reason or (item.stage, item.key) == ("list", "k")


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("One &amp; <i>Two</i>.", "One & Two"),
        ("What?", "What?"),
        ("And so on...", "And so on..."),
        ("Fast &amp; &quot;small&quot; &eacute;.", 'Fast & "small" é'),
    ],
)
def test_titles_lose_dblps_own_full_stop_only(title, said):
    assert dblp.dblp_item(key="k", title=title, links=[LINK], year=2020).title == said


@pytest.mark.parametrize(
    ("links", "chosen"),
    [
        (["https://a.example/x.pdf", "https://a.example/x"], "https://a.example/x"),
        (["https://a.example/x", "https://doi.org/10.1/x"], "https://doi.org/10.1/x"),
        (["https://www.wikidata.org/entity/Q1", "https://a.example/x"], "https://a.example/x"),
        (["https://a.example/x.pdf"], "https://a.example/x.pdf"),
        (["ftp://a.example/x", "javascript:1"], ""),
    ],
)
def test_the_landing_page_among_the_links(links, chosen):
    assert dblp.landing(links) == chosen


def source(**settings):
    return DblpSparqlSource(kind="dblp_sparql", url="https://sparql.example/sparql", **settings)


def test_the_query_of_a_year():
    query = dblp.query_of(source(streams=["conf/isca", "journals/tocs"]), 1999)
    assert "<https://dblp.org/streams/conf/isca> <https://dblp.org/streams/journals/tocs>" in query
    assert '"1999"^^xsd:gYear' in query
    assert "dblp:publishedInStream ?where" in query
    venues = dblp.query_of(source(venues=['A "B"', "Café"]), 1999)
    assert r'{ "A \"B\"" "Café" }' in venues
    assert "dblp:publishedIn ?where" in venues
    assert dblp.query_of(source(query="… {year} …"), 1999) == "… 1999 …"


@pytest.mark.parametrize(
    "settings",
    [{"streams": []}, {"streams": ["conf/x"], "query": "x"}, {"streams": ["conf/x> ?s ?p ?o"]}],
)
def test_settings_that_ask_nothing_or_two_things_are_refused(settings):
    with pytest.raises(ValidationError):
        source(**settings)
