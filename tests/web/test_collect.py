"""List, fetch and render over HTTP: a venue on loopback, the demo venue, a real browser."""

import json
import logging
import socket
from dataclasses import replace

import pytest
from collecting import Steps
from collecting import contents as table_of_contents

from loopback import ABSTRACT, landing
from papertune.collect.identifiers import document_id
from papertune.collect.listings import listing as listings
from papertune.collect.web.installed import find_browser
from papertune.demo.papers import papers
from papertune.demo.venue import KINDS, SPECIAL, kinds_of
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.listings import DblpSource, DemoSource, FilesSource


def contents(*urls: str) -> str:
    return table_of_contents([(url, f"Paper {number}") for number, url in enumerate(urls)])


@pytest.fixture
def steps(site, fetching, tmp_path):
    """A venue listed in DBLP's way at /toc."""
    return Steps(tmp_path, fetching, DblpSource(kind="dblp", url=site.url("/toc{year}")))


def test_of_two_entries_of_one_document_the_fuller_text_is_kept(steps, monkeypatch):
    first = Document(document_id("https://a.example"), "A", "https://a.example", 2020)
    fuller = replace(first, title="A2", text="We do it.", found_by="listing")
    others = [fuller, replace(first, text="We do."), replace(first, id="b", text="It.")]
    monkeypatch.setattr(listings, "items", lambda *_, **__: iter([first, *others]))
    listed, rejected = steps.list()
    assert [(one.title, one.text, one.found_by) for one in listed] == [
        ("A", "We do it.", "listing"),
        ("A", "It.", ""),
    ]
    assert [item.reason for item in rejected] == ["duplicate", "duplicate"]
    assert all("https://a.example" in item.detail for item in rejected)


def test_each_document_has_its_own_outcome(site, steps, caplog):
    caplog.set_level(logging.INFO)
    fine = site.page("/fine", landing())
    gone = site.url("/gone")
    bare = site.page("/bare", "<html><title>x</title><p>Nothing here.</p></html>")
    large = site.page("/large", "x" * 200_000)
    site.page("/robots.txt", "User-agent: *\nDisallow: /closed\n")
    closed = site.page("/closed", landing())
    ill = site.page("/ill", "x", 500)
    pdf = site.page("/file", "%PDF", Content_Type="application/pdf")
    site.page("/toc2020", contents(fine, gone, bare, large, closed, ill, pdf, fine))
    steps.change(retries=0, resolvers=["landing"])
    listed, rejected = steps.list()
    assert [document.url for document in listed] == [fine, gone, bare, large, closed, ill, pdf]
    assert [item.reason for item in rejected] == ["duplicate"]
    fetched = steps.fetch()
    reasons = ["http_404", "no_abstract_in_page", "too_large", "robots", "http_500", "not_html"]
    assert [document.reason for document in fetched] == ["", *reasons]
    assert (fetched[0].text, fetched[0].found_by) == (ABSTRACT, "section")
    found, missing = steps.render()
    assert [document.id for document in found] == [listed[0].id]
    assert [(item.stage, item.key, item.reason) for item in missing] == [
        ("collect", document.id, reason)
        for document, reason in zip(listed[1:], reasons, strict=True)
    ]
    assert "Paper 1" in missing[0].detail and gone in missing[0].detail
    # neither the store nor the cache is needed for the other
    for path in (steps.folder / "store").rglob("*.jsonl"):
        path.unlink()
    before = site.requests["/fine"]
    assert steps.fetch() == fetched
    assert site.requests["/fine"] == before


def test_five_dead_connections_fail_the_job(steps, site):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    dead = [f"http://localhost:{port}/{number}" for number in range(8)]
    fine = site.page("/fine", landing())
    site.page("/toc2020", contents(*dead, fine))
    steps.change(retries=0)
    steps.list()
    with pytest.raises(CollectError, match="did not answer 5 times") as caught:
        steps.fetch()
    assert "localhost" in str(caught.value)
    assert "4 of 9" in str(caught.value)
    assert site.requests["/fine"] == 1, "other hosts are asked all the same"
    assert not steps.file("fetched").exists()


def test_no_text_at_all_is_a_failure(site, steps):
    site.page("/toc2020", contents(site.url("/gone1"), site.url("/gone2")))
    steps.list()
    steps.fetch()
    with pytest.raises(CollectError, match=r"none of 2 documents .*2 × http_404"):
        steps.render()
    assert not (steps.folder / "documents.jsonl").exists()


def test_without_a_browser_the_others_go_on(site, steps, monkeypatch, caplog):
    monkeypatch.setenv("PAPERTUNE_CHROMIUM", "/nonexistent")
    site.page("/toc2020", contents(site.page("/bare", "<p>nothing</p>")))
    steps.list()
    steps.fetch()
    found, missing = steps.render()
    assert not found, "a year that only waits for a browser is no failure"
    assert [item.reason for item in missing] == ["needs_browser"]
    assert "apt-get install chromium" in missing[0].detail
    assert "1 documents need a browser" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        "<title>Making sure you&#39;re not a bot!</title><div id='anubis_challenge'></div>",
        "<p>empty",
    ],
)
def test_a_listing_that_is_none_is_an_error(site, steps, body):
    url = site.page("/toc2020", body)
    with pytest.raises(CollectError) as caught:
        steps.list()
    assert url in str(caught.value)
    assert "What to do" in str(caught.value)
    assert not steps.file("listing").exists()
    site.page("/toc2020", contents(site.url("/1")))
    assert len(steps.list()[0]) == 1, "what was none was kept"


def test_rows_with_abstracts_need_neither_contact_nor_network_others_are_fetched(
    site, fetching, tmp_path, monkeypatch
):
    monkeypatch.delenv("PAPERTUNE_CONTACT", raising=False)
    rows = [{"title": "B", "doi": "10.1000/b", "year": 2020, "abstract": "Known " + ABSTRACT}]
    path = tmp_path / "rows.json"
    steps = Steps(tmp_path, fetching, FilesSource(kind="files", path=str(path)))
    for contact, found_by in (("", ["listing"]), (fetching.contact, ["listing", "section"])):
        path.write_text(json.dumps(rows))
        steps.change(contact=contact)
        steps.list()
        steps.fetch()
        assert [document.found_by for document in steps.render()[0]] == found_by
        rows.append({"title": "A", "paper_url": site.page("/a", landing()), "year": 2020})
    assert site.total == 1


@pytest.mark.parametrize("resolvers", [["landing", "browser"], ["browser"], ["crossref", "arxiv"]])
def test_where_nobody_is_named_a_row_without_text_is_missing_and_the_others_go_on(
    site, fetching, tmp_path, monkeypatch, caplog, resolvers
):
    monkeypatch.delenv("PAPERTUNE_CONTACT", raising=False)
    texts = [{"abstract": "Known " + ABSTRACT}, {"abstract": "No abstract available."}, {}]
    rows = [
        {"title": f"T{n}", "year": 2020, "paper_url": site.page(f"/{n}", landing()), **text}
        for n, text in enumerate(texts)
    ]
    path = tmp_path / "rows.jsonl"
    steps = Steps(tmp_path, fetching, FilesSource(kind="files", path=str(path)))
    steps.change(contact="", resolvers=resolvers)
    caplog.set_level("INFO")

    def run(*some):
        path.write_text("".join(json.dumps({"abstract": "", **row}) + "\n" for row in some))
        steps.list()
        steps.fetch()
        return steps.render()

    found, missing = run(*rows)
    assert [one.title for one in found] == ["T0"]
    browser = resolvers[-1] == "browser" and not find_browser()
    expected = "no_contact" if not browser or resolvers[0] == "landing" else "needs_browser"
    expected = expected if resolvers[0] != "crossref" else "no_doi"
    assert [one.reason for one in missing] == [expected] * 2
    assert site.total == 0
    assert "retrying" not in caplog.text, "no pause brings a contact"
    if expected == "no_contact":
        assert all("PAPERTUNE_CONTACT" in one.detail for one in missing)
        assert caplog.text.count("PAPERTUNE_CONTACT") == 1
        with pytest.raises(CollectError, match=r"no_contact(?s:.*)PAPERTUNE_CONTACT"):
            run(*rows[1:])
    steps.change(contact=fetching.contact, resolvers=["landing"])
    assert [one.title for one in run(*rows)[0]] == ["T0", "T1", "T2"], "nothing of it was kept"


# ---- the demo venue ---------------------------------------------------------------------------


def demo(tmp_path, fetching, year):
    steps = Steps(tmp_path, fetching, DemoSource(kind="demo"))
    steps.change(contact="", delay=60)
    return steps, *steps.list(year)


def are_true(documents, year) -> bool:
    truth = {paper.title: paper.abstract for paper in papers(year, 12, 1)}
    return all(document.text == truth[document.title] for document in documents)


def test_the_demo_has_each_kind_of_page_and_each_fault_once():
    kinds = [kind for year in range(2005, 2025) for kind in kinds_of(papers(year, 12, 1)).values()]
    assert len(kinds) == 240
    assert {*KINDS, "javascript", *SPECIAL.values()} == set(kinds)
    assert all(kinds.count(kind) == 1 for kind in SPECIAL.values())
    assert all(2005 <= year <= 2021 for year in SPECIAL)
    assert 12 <= kinds.count("javascript") <= 30
    more = kinds_of(papers(2008, 15, 1))
    assert kinds_of(papers(2008, 12, 1)).items() <= more.items()


def test_the_demo_without_a_browser(tmp_path, fetching, monkeypatch):
    monkeypatch.setenv("PAPERTUNE_CHROMIUM", "/nonexistent")
    steps, listed, rejected = demo(tmp_path, fetching, 2012)  # one page answers 429 first
    assert len(listed) == 12
    assert [item.reason for item in rejected] == ["proceedings_volume"]
    steps.fetch()
    found, missing = steps.render()
    assert len(found) + len(missing) == 12
    assert are_true(found, 2012)
    assert {item.reason for item in missing} <= {"needs_browser"}


def test_the_demo_is_the_same_on_every_port(tmp_path, fetching):
    _, one, _ = demo(tmp_path / "one", fetching, 2006)
    _, other, _ = demo(tmp_path / "other", fetching, 2006)
    assert one == other
