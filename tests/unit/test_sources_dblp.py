"""DBLP's pages and answers, read from the cache: no network, the real session."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.settings import Fetching
from papertune.sources import dblp
from papertune.sources.page_cache import Page
from papertune.sources.session import PoliteSession, host_of

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


def test_a_doi_is_one_document_however_it_is_written(listed):
    one, other = listed(
        entry("a", "A.", "https://doi.org/10.1145/AB.1"),
        entry("b", "B.", "http://dx.doi.org/10.1145/ab.1"),
    )
    assert one.id == other.id


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


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://A.example/x", "a.example"),
        ("http://a.example:80", "a.example"),
        ("http://[broken", ""),
        ("http://a.example:99999/", ""),
        ("file:///etc/passwd", ""),
        ("10.1145/1", ""),
        ("https://a.example/\ud800", ""),
    ],
)
def test_hosts(url, host):
    assert host_of(url) == host


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
