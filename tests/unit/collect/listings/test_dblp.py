"""DBLP's pages and answers, read from the cache: no network, the real session."""

import json
import os
from pathlib import Path

import pytest

from listed import split
from papertune.collect.identifiers import host_of
from papertune.collect.listings import dblp
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.listings import DblpApiSource, DblpSource

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
    ],
)
def test_what_is_no_paper_is_counted_with_its_reason(how, reason):
    item = dblp.dblp_item(**{"key": "k", "title": "A.", "links": [LINK], "year": 2020, **how})
    assert getattr(item, "reason", "") == reason
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
    one, other, volume = listed(
        entry("a", "<i>A</i>."), entry("b", ee=False), entry("k", kind="editor toc")
    )
    assert (one.title, one.url, other.url) == ("A", "https://e.example/a", "https://e.example/b")
    assert (volume.key, volume.reason, volume.detail) == ("k", "proceedings_volume", "A")
    with pytest.raises(CollectError, match=r"x2020\.html: no entry"):
        listed()


def test_a_contents_page_of_many_years_gives_the_year_asked_for(listed):
    entries = entry("a", "A.", year="2019"), entry("b", "B.", year="2020")
    items = listed(*entries, template="https://dblp.example/all.html")
    assert [item.title for item in items] == ["B"]


# ---- the search API ---------------------------------------------------------------------------

API = DblpApiSource(kind="dblp_api", query="toc:x{year}", url="https://dblp.example/api")


@pytest.fixture
def searched(cached):
    def read(*pages):
        """Texts, or the ``hits`` of answers, under the offsets 0, 1, 2 …"""
        for first, page in enumerate(pages):
            text = page if isinstance(page, str) else json.dumps({"result": {"hits": page}})
            url = f"https://dblp.example/api?q=toc%3Ax2020&format=json&h=1000&f={first}"
            session = cached(url, text, "application/json")
        return list(dblp.search(session, API, 2020))

    return read


def hit(**info):
    return {"@id": "1", "info": {"key": "conf/x/A", "title": "A.", "year": "2020", **info}}


def test_one_hit_is_an_object_and_one_author_and_one_link_too(searched):
    one = hit(authors={"author": {"@pid": "1/2", "text": "Ada L."}}, ee=LINK)
    [paper] = searched({"@total": "1", "@sent": "1", "hit": one})
    assert (paper.title, paper.url, paper.doi) == ("A", LINK, "")


def test_several_links_and_several_pages(searched):
    ees = [LINK, "https://doi.org/10.1145/A.1"]
    papers = searched(
        {"@total": "2", "@sent": "1", "hit": [hit(ee=ees)]},
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
    ],
)
def test_a_hit_that_is_no_paper_is_counted_and_the_others_go_on(searched, made, reason):
    fine = hit(ee={"@type": "oa", "text": "https://e.example/2"})
    rejection, paper = searched({"@total": "2", "@sent": "2", "hit": [made, fine]})
    assert (rejection.stage, rejection.reason) == ("list", reason)
    assert paper.url == "https://e.example/2"


def test_half_a_surrogate_pair_is_no_text_and_breaks_no_file(searched):
    broken = hit(key="conf/x/\ud800", doi="10.1145/\ud800", ee=LINK, year="\ud800")
    [rejection] = searched({"@total": "1", "hit": broken})
    assert rejection.key == "conf/x/?"


@pytest.mark.parametrize(
    "text",
    [
        "<!doctype html><title>dblp: search</title><p>Please wait",
        "",
        "[" * 100_000,
        '{"result": {"status": {"@code": "500"}}}',
        '{"result": {"hits": []}}',
        '"text"',
    ],
)
def test_a_page_in_place_of_json_is_a_failure_and_not_zero_papers(searched, text):
    with pytest.raises(CollectError, match="not an answer of DBLP's search API") as caught:
        searched(text)
    assert "dblp_sparql" in caught.value.hint


def test_no_hit_is_no_paper_and_hits_that_do_not_come_are_a_failure(searched):
    assert searched({"@total": "0", "@computed": "0", "@sent": "0", "@first": "0"}) == []
    one = {"@total": "3", "@sent": "1", "hit": hit(ee=LINK)}
    with pytest.raises(CollectError, match="gives 1 of 3 hits only"):
        searched(one, {"@total": "3", "@sent": "-1"})


FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved answers")
def test_a_saved_answer_of_the_search_api():
    text = (Path(FIXTURES) / "dblp/search-api.json").read_text(encoding="utf-8")
    hits = dblp._hits(text, "https://dblp.org/search/publ/api")["hit"]
    items = [dblp._from_hit(hit["info"], int(hit["info"]["year"])) for hit in hits]
    papers: list[Document] = split(items)[0]
    assert len(papers) == len(items) == 30
    assert all(host_of(paper.url) and not paper.title.endswith(".") for paper in papers)
