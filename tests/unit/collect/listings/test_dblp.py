"""DBLP's pages and answers, read from the cache: no network, the real session."""

import json
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from papertune.collect.listings import dblp
from papertune.errors import CollectError
from papertune.study.settings.listings import DblpSource, DblpSparqlSource

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
        ({"title": "Message from the Program Chairs."}, "front_matter"),
        ({"title": "Table of Contents."}, "front_matter"),
        ({"title": "Indexing Messages from Chairs."}, ""),
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


# ---- the pages --------------------------------------------------------------------------------


def entry(key, title="A.", kind="inproceedings", year="2020", ee=True):
    link = f"https://e.example/{key}"
    edition = f'<div class="body"><ul><li class="ee"><a href="{link}">e</a></li></ul></div>'
    return (
        f'<li class="entry {kind}" id="{key}"><nav class="publ"><ul><li class="drop-down">'
        f'<div class="head"><a href="{link}">v</a></div>{edition if ee else ""}</li></ul></nav>'
        f'<cite><span class="title" itemprop="name">{title}</span>'
        f'<meta itemprop="datePublished" content="{year}"></cite></li>'
    )


@pytest.fixture
def listed(cached):
    def read(*entries, template="https://dblp.example/db/conf/x/x{year}.html"):
        session = cached(template.replace("{year}", "2020"), f"<ul>{''.join(entries)}</ul>")
        return list(dblp.list_documents(session, DblpSource(kind="dblp", url=template), 2020))

    return read


def test_the_entries_of_a_table_of_contents(listed):
    entries = entry("a", "<i>A</i>."), entry("b", ee=False), entry("k", kind="editor toc")
    one, other, volume = listed(*entries)
    assert (one.title, one.url, other.url) == ("A", "https://e.example/a", "https://e.example/b")
    assert (volume.key, volume.reason, volume.detail) == ("k", "proceedings_volume", "A")
    # a page of many years gives the year asked for
    entries = entry("a", "A.", year="2019"), entry("b", "B.", year="2020")
    items = listed(*entries, template="https://dblp.example/all.html")
    assert [item.title for item in items] == ["B"]


# ---- the SPARQL endpoint ----------------------------------------------------------------------


def source(**settings):
    return DblpSparqlSource(kind="dblp_sparql", url="https://sparql.example/sparql", **settings)


def test_a_query_of_ones_own_may_give_titles_and_links_only(cached):
    def asked(*rows):
        cells = [{name: {"type": "literal", "value": said[name]} for name in said} for said in rows]
        own = source(query="SELECT … {year}")
        url = f"{own.url}?{urlencode({'query': dblp.query_of(own, 2020)})}"
        answer = {"head": {"vars": list(rows[0])}, "results": {"bindings": cells}}
        return list(dblp.sparql(cached(url, json.dumps(answer), dblp.RESULTS), own, 2020))

    paper, rejection = asked({"title": "A.", "link": LINK}, {"title": "B."})
    assert (paper.title, paper.url) == ("A", LINK)
    assert (rejection.key, rejection.reason) == ("row 2", "no_link")
    with pytest.raises(CollectError, match=r"the query gives link, paper") as caught:
        asked({"paper": "A.", "link": LINK})
    assert "?title" in caught.value.hint


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
