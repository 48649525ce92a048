"""DBLP's pages and answers, read from the cache: no network, the real session."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from papertune.collect.identifiers import host_of
from papertune.collect.listings import dblp
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings import Fetching
from papertune.study.settings.listings import DblpApiSource

URL = "https://dblp.example/db/conf/x/x{year}.html"


def entry(key, title, link="", kind="inproceedings", year="2020", ee=True):
    body = (
        f'<div class="body"><ul><li class="ee"><a href="{link}">e</a></li></ul></div>' if ee else ""
    )
    return (
        f'<li class="entry {kind}" id="{key}"><nav class="publ"><ul><li class="drop-down">'
        f'<div class="head"><a href="{link}">v</a></div>{body}</li></ul></nav><cite>'
        f'<span class="title" itemprop="name">{title}</span>'
        f'<meta itemprop="datePublished" content="{year}"></cite></li>'
    )


@pytest.fixture
def listed(tmp_path):
    def read(*entries, template=URL, year=2020):
        session = PoliteSession(Fetching(), tmp_path)
        url = template.replace("{year}", str(year))
        session.cache.write(Page(url, url, "text/html", f"<ul>{''.join(entries)}</ul>"))
        return list(dblp.read_contents(session, template, year))

    return read


def test_titles_lose_dblps_own_full_stop_only(listed):
    items = listed(
        entry("a", "One &amp; <i>Two</i>.", "https://doi.org/10.1/a"),
        entry("b", "What?", "https://doi.org/10.1/b"),
        entry("c", "And so on...", "https://doi.org/10.1/c"),
    )
    assert [item.title for item in items] == ["One & Two", "What?", "And so on..."]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (
            entry("k", "Proceedings of X.", "https://e.example/1", kind="editor toc"),
            "proceedings_volume",
        ),
        (entry("k", "Front Matter.", "https://e.example/1"), "front_matter"),
        (entry("k", "Message from the Program Chairs.", "https://e.example/1"), "front_matter"),
        (entry("k", "Table of Contents.", "https://e.example/1"), "front_matter"),
        (entry("k", "A Paper.", ""), "no_link"),
        (entry("k", "A Paper.", "http://[broken"), "no_link"),
        (entry("k", "A Paper.", "https://e.example:port/"), "no_link"),
        (entry("k", "", "https://e.example/1"), "no_title"),
    ],
)
def test_what_is_no_paper_is_counted_with_its_reason(listed, made, reason):
    paper, rejection = listed(
        entry("p", "Indexing Messages from Chairs.", "https://e.example/2"), made
    )
    assert isinstance(paper, Document)
    assert isinstance(rejection, Rejection)
    assert (rejection.stage, rejection.key, rejection.reason) == ("list", "k", reason)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("book", "book"),
        ("reference", "reference_work"),
        ("data", "data"),
        ("withdrawn", "withdrawn"),
    ],
)
def test_what_dblp_calls_an_entry_says_why_it_is_no_paper(listed, kind, reason):
    [item] = listed(entry("k", "A Title.", "https://e.example/1", kind=kind))
    assert (item.key, item.reason, item.detail) == ("k", reason, "A Title")


def test_a_contents_page_of_many_years_gives_the_year_asked_for(listed):
    items = listed(
        entry("a", "A.", "https://e.example/a", year="2019"),
        entry("b", "B.", "https://e.example/b", year="2020"),
        template="https://dblp.example/all.html",
    )
    assert [item.title for item in items] == ["B"]


def test_the_link_of_the_head_is_taken_where_no_edition_is_listed(listed):
    assert listed(entry("a", "A.", "https://e.example/a", ee=False))[0].url == "https://e.example/a"


@pytest.mark.parametrize(
    ("links", "chosen"),
    [
        (["https://a.example/x.pdf", "https://a.example/x"], "https://a.example/x"),
        (["https://a.example/x", "https://doi.org/10.1/x"], "https://doi.org/10.1/x"),
        (["https://www.wikidata.org/entity/Q1", "https://a.example/x"], "https://a.example/x"),
        (["https://a.example/x.pdf"], "https://a.example/x.pdf"),
        (["ftp://a.example/x", "javascript:1"], ""),
        ([], ""),
    ],
)
def test_the_landing_page_among_the_links(links, chosen):
    assert dblp.landing(links) == chosen


def test_a_page_without_entries_is_an_error(listed):
    with pytest.raises(CollectError, match=r"x2020\.html: no entry"):
        listed()


# ---- the search API ---------------------------------------------------------------------------

API = DblpApiSource(kind="dblp_api", query="toc:x{year}", url="https://dblp.example/api")
API_URL = "https://dblp.example/api?q=toc%3Ax2020&format=json&h=1000&f={first}"


@pytest.fixture
def searched(tmp_path):
    def read(*pages):
        """Texts, or the ``hits`` of answers, under the offsets 0, 1, 2 …"""
        session = PoliteSession(Fetching(), tmp_path)
        for first, page in enumerate(pages):
            text = page if isinstance(page, str) else json.dumps({"result": {"hits": page}})
            url = API_URL.format(first=first)
            session.cache.write(Page(url, url, "application/json", text))
        return list(dblp.search(session, API, 2020))

    return read


def hit(**info):
    return {"@id": "1", "info": {"key": "conf/x/A", "title": "A.", "year": "2020", **info}}


def test_one_hit_is_an_object_and_one_author_and_one_link_too(searched):
    author = {"@pid": "1/2", "text": "Ada L."}
    one = hit(authors={"author": author}, ee="https://e.example/a")
    [paper] = searched({"@total": "1", "@sent": "1", "hit": one})
    assert (paper.title, paper.url, paper.doi) == ("A", "https://e.example/a", "")


def test_several_links_several_pages_and_entities_in_the_title(searched):
    ees = ["https://e.example/a", "https://doi.org/10.1145/A.1"]
    papers = searched(
        {
            "@total": "2",
            "@sent": "1",
            "hit": [hit(title="Fast &amp; &quot;small&quot; &eacute;.", ee=ees)],
        },
        {"@total": "2", "@sent": "1", "hit": [hit(title="B.", year=2020, doi="10.1145/B.1")]},
    )
    assert [(p.title, p.url, p.doi) for p in papers] == [
        ('Fast & "small" é', "https://doi.org/10.1145/A.1", "10.1145/a.1"),
        ("B", "https://doi.org/10.1145/b.1", "10.1145/b.1"),
    ]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (hit(type="Editorship", ee="https://e.example/1"), "proceedings_volume"),
        (hit(type="Reference Works", ee="https://e.example/1"), "reference_work"),
        (hit(type="Withdrawn Items", ee="https://e.example/1"), "withdrawn"),
        (hit(year="2019", ee="https://e.example/1"), "other_year"),
        (hit(), "no_link"),
        (hit(title={"text": ""}, ee="https://e.example/1"), "no_title"),
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
    broken = hit(key="conf/x/\ud800", doi="10.1145/\ud800", ee="https://e.example/1", year="\ud800")
    [rejection] = searched({"@total": "1", "hit": broken})
    assert rejection.key == "conf/x/?"


def test_a_thesis_is_a_document_as_a_paper_is(searched):
    [thesis] = searched(
        {"@total": "1", "hit": hit(type="Books and Theses", ee="https://e.example/thesis")}
    )
    assert isinstance(thesis, Document)


def test_no_hit_is_no_paper(searched):
    assert searched({"@total": "0", "@computed": "0", "@sent": "0", "@first": "0"}) == []


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


def test_hits_that_do_not_come_are_a_failure(searched):
    with pytest.raises(CollectError, match="gives 1 of 3 hits only"):
        searched(
            {"@total": "3", "@sent": "1", "hit": hit(ee="https://e.example/1")},
            {"@total": "3", "@sent": "-1"},
        )


FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved answers")
def test_a_saved_answer_of_the_search_api():
    text = (Path(FIXTURES) / "dblp/search-api.json").read_text(encoding="utf-8")
    hits = dblp._hits(text, "https://dblp.org/search/publ/api")["hit"]
    assert len(hits) == len(json.loads(text)["result"]["hits"]["hit"]) == 30
    items = [dblp._from_hit(hit["info"], int(hit["info"]["year"])) for hit in hits]
    papers = [item for item in items if isinstance(item, Document)]
    assert len(papers) == 30
    assert all(
        paper.title and not paper.title.endswith(".") and host_of(paper.url) for paper in papers
    )
