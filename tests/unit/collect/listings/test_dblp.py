"""DBLP's pages and answers, read from the cache: no network, the real session."""

import json
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from papertune.collect.listings import dblp
from papertune.errors import CollectError
from papertune.study.settings.listings import DblpApiSource, DblpSource, DblpSparqlSource

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


# ---- the search API ---------------------------------------------------------------------------


@pytest.fixture
def searched(cached):
    def read(*pages):
        """Texts, or the ``hits`` of answers, under the offsets 0, 1, 2 …"""
        for first, page in enumerate(pages):
            text = page if isinstance(page, str) else json.dumps({"result": {"hits": page}})
            url = f"https://dblp.example/api?q=toc%3Ax2020&format=json&h=1000&f={first}"
            session = cached(url, text, "application/json")
        api = DblpApiSource(kind="dblp_api", query="toc:x{year}", url="https://dblp.example/api")
        return list(dblp.search(session, api, 2020))

    return read


def hit(**info):
    return {"@id": "1", "info": {"key": "conf/x/A", "title": "A.", "year": "2020", **info}}


def test_one_hit_is_an_object_and_several_pages_are_one_listing(searched):
    one = hit(authors={"author": {"@pid": "1/2", "text": "Ada L."}}, ee=LINK)
    [paper] = searched({"@total": "1", "@sent": "1", "hit": one})
    assert (paper.title, paper.url, paper.doi) == ("A", LINK, "")
    several = hit(ee=[LINK, "https://doi.org/10.1145/A.1"])
    papers = searched(
        {"@total": "2", "@sent": "1", "hit": [several]},
        {"@total": "2", "@sent": "1", "hit": [hit(title="B.", year=2020, doi="10.1145/B.1")]},
    )
    assert [(paper.title, paper.url, paper.doi) for paper in papers] == [
        ("A", "https://doi.org/10.1145/A.1", "10.1145/a.1"),
        ("B", "https://doi.org/10.1145/b.1", "10.1145/b.1"),
    ]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (hit(type="Editorship", ee=LINK), "proceedings_volume"),
        (hit(year="2019", ee=LINK), "other_year"),
        (hit(), "no_link"),
        (hit(title={"text": ""}, ee=LINK), "no_title"),
        ({"@id": "1"}, "bad_item"),
        ("what?", "bad_item"),
        # half a surrogate pair is no text, and would break a file
        (hit(key="conf/x/\ud800", doi="10.1145/\ud800", ee=LINK, year="\ud800"), "other_year"),
        ("\ud800", "bad_item"),
    ],
)
def test_a_hit_that_is_no_paper_is_counted_and_the_others_go_on(searched, made, reason):
    fine = hit(ee={"@type": "oa", "text": "https://e.example/2"})
    rejection, paper = searched({"@total": "2", "@sent": "2", "hit": [made, fine]})
    assert (rejection.stage, rejection.reason) == ("list", reason)
    assert f"{rejection.key} {rejection.detail}".encode()
    assert paper.url == "https://e.example/2"


def test_no_hit_is_no_paper_and_hits_that_do_not_come_are_a_failure(searched):
    assert searched({"@total": "0", "@computed": "0", "@sent": "0", "@first": "0"}) == []
    for total, said in (("3", "gives 1 of 3 papers"), ("10001", "gives 10000 of 10001")):
        with pytest.raises(CollectError, match=said) as caught:
            searched({"@total": total, "hit": hit(ee=LINK)}, {"@total": total, "@sent": "-1"})
        assert "narrow source.query" in caught.value.hint


# ---- the SPARQL endpoint ----------------------------------------------------------------------

NAMES = ("publ", "title", "year", "doi", "primary", "link", "type")
DOI, PAGE = "https://doi.org/10.1145/A.1", "https://e.example/a"


def source(**settings):
    settings = settings or {"streams": ["conf/x"]}
    return DblpSparqlSource(kind="dblp_sparql", url="https://sparql.example/sparql", **settings)


def row(key="conf/x/A", kind="Inproceedings", **more):
    values = {"publ": f"https://dblp.org/rec/{key}", "title": "A.", "year": "2020"}
    return {**values, "type": f"https://dblp.org/rdf/schema#{kind}", **more}


@pytest.fixture
def asked(cached):
    def read(*rows, names=NAMES, **settings):
        """Rows of texts; what begins with http is a uri."""
        bindings = [
            {
                name: {"type": "uri" if value.startswith("http") else "literal", "value": value}
                for name, value in row.items()
            }
            for row in rows
        ]
        wanted = source(**settings)
        url = f"{wanted.url}?{urlencode({'query': dblp.query_of(wanted, 2020)})}"
        text = json.dumps({"head": {"vars": list(names)}, "results": {"bindings": bindings}})
        return list(dblp.sparql(cached(url, text, dblp.RESULTS), wanted, 2020))

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
    paper, other = asked(*rows, row("conf/x/B", title="B.", link=PAGE))
    assert (paper.title, paper.url, paper.doi) == ("A", url, doi)
    assert other.title == "B"


def test_what_is_no_paper_is_counted_under_dblps_key(asked):
    rows = row(kind="Editorship", link=PAGE), row("B", link=PAGE, year="2019"), row("C")
    assert [(item.key, item.reason) for item in asked(*rows)] == [
        ("conf/x/A", "proceedings_volume"),
        ("B", "other_year"),
        ("C", "no_link"),
    ]


def test_a_query_of_ones_own_may_give_titles_and_links_only(asked):
    rows = [{"title": "A.", "link": PAGE}, {"title": "B."}]
    own = "SELECT ?title ?link WHERE { … {year} }"
    paper, rejection = asked(*rows, names=("title", "link"), query=own)
    assert paper.title == "A"
    assert (rejection.key, rejection.reason) == ("row 2", "no_link")
    with pytest.raises(CollectError, match=r"the query gives link, paper") as caught:
        asked(names=("paper", "link"), query="SELECT …")
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
