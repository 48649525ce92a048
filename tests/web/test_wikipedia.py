"""Wikipedia's pages through a MediaWiki API on loopback."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from papertune.collect.identifiers import document_id
from papertune.collect.listings import mediawiki
from papertune.collect.listings.wikipedia import list_documents
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.qa import WikipediaSource

TEXT = (
    "{title} is a gate that holds back the water of a mill. It is raised by hand.\n\n\n"
    "== History ==\nThe oldest {title} was made by monks, as is written. Nobody has seen it.\n\n\n"
    "=== Later ===\nA later one was made of iron, and it was lost in a flood of the river.\n\n\n"
    "== References ==\nA book about gates and what they are good for in our time.\n"
)


class Api:
    """Stands for the site's table of answers; speaks as the API does."""

    def __init__(self, *pages, redirects=None, categories=None, size=2):
        self.pages = set(pages)
        self.redirects, self.categories = redirects or {}, categories or {}
        self.size = size
        self.asked: list[dict[str, str]] = []
        self.errors: list[dict] = []  # in turn, before answers
        self.last_error: dict = {}
        self.version_1 = False

    def get(self, path, default):
        parts = urlsplit(path)
        if parts.path != "/w/api.php":
            return default
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(query)
        assert (query["format"], query["maxlag"]) == ("json", "5")
        error = self.errors.pop(0) if self.errors else self.last_error
        body = error or getattr(self, query["action"])(query)
        return 200, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(body).encode()

    def query(self, query):
        if query.get("list") == "categorymembers":
            members = self.categories.get(query["cmtitle"], [])
            if query["cmtype"] == "page":
                members = [title for title in members if not title.startswith("Category:")]
            first = int(query.get("cmcontinue", "page|0|0").split("|")[2])
            chosen = [
                {"pageid": 1, "ns": 14 if t.startswith("Category:") else 0, "title": t}
                for t in members[first : first + self.size]
            ]
            answer = {"batchcomplete": True, "query": {"categorymembers": chosen}}
            if len(members) > first + self.size:
                answer["continue"] = {
                    "cmcontinue": f"page|0|{first + self.size}",
                    "continue": "-||",
                }
            return answer
        assert query["explaintext"] == "1" and query["redirects"] == "1"
        title = query["titles"].replace("_", " ")
        if title.startswith("de:"):
            return {"batchcomplete": True, "query": {"interwiki": [{"title": title, "iw": "de"}]}}
        title = self.redirects.get(title, title)
        page = {"ns": 0, "title": title}
        if title.startswith("Talk:"):
            page |= {"ns": 1, "pageid": 3, "extract": "Talk of people, and they say a lot."}
        elif title not in self.pages:
            page |= {"missing": "" if self.version_1 else True}
        else:
            page |= {"pageid": 3, "extract": TEXT.format(title=title)}
            if "(disambiguation)" in title:
                page["pageprops"] = {"disambiguation": ""}
        pages = {"3": page} if self.version_1 else [page]
        return {"batchcomplete": True, "query": {"pages": pages}}

    def parse(self, query):
        title = self.redirects.get(query["page"], query["page"])
        if title not in self.pages:
            info = "The page you specified doesn't exist."
            return {"error": {"code": "missingtitle", "info": info}, "servedby": "mw1"}
        html = "".join(
            f"<h2>{line.strip('= ')}</h2>" if line.startswith("=") else f"<p>{line}</p>"
            for line in TEXT.format(title=title).split("\n")
        )
        html = f'<div class="mw-parser-output"><table><tr><td>Box.</td></tr></table>{html}</div>'
        properties = {"disambiguation": ""} if "(disambiguation)" in title else {}
        return {"parse": {"title": title, "pageid": 3, "text": html, "properties": properties}}


@pytest.fixture
def listed(site, polite, monkeypatch):
    monkeypatch.setattr(mediawiki, "LAG_PAUSE", 0.01)

    def read(api, refresh=False, **settings):
        site.answers = api
        source = WikipediaSource(kind="wikipedia", url=site.url("/w/api.php"), **settings)
        return list(list_documents(polite(), source, 0, refresh=refresh))

    return read


def reasons(items):
    return [(i.key, i.reason) for i in items if not isinstance(i, Document)]


def titles(items):
    return [i.title for i in items if isinstance(i, Document)]


@pytest.mark.parametrize("text", ["extracts", "html"])
def test_a_page_is_a_document_without_a_year(listed, site, text):
    [page] = listed(Api("Sluice gate"), titles=["Sluice gate"], text=text)
    assert page == Document(
        id=document_id(site.url("/wiki/Sluice_gate")),
        title="Sluice gate",
        url=site.url("/wiki/Sluice_gate"),
        year=0,
        text="Sluice gate is a gate that holds back the water of a mill. It is raised by hand.\n"
        "The oldest Sluice gate was made by monks, as is written. Nobody has seen it.\n"
        "A later one was made of iron, and it was lost in a flood of the river.",
        found_by="listing",
    )


@pytest.mark.parametrize("text", ["extracts", "html"])
def test_what_is_no_article_has_its_reason(listed, text):
    api = Api("Sluice", "Mercury (disambiguation)", redirects={"Gate": "Sluice"})
    named = ["Gate", "Sluice", "sluice", "Nothing", "Mercury (disambiguation)"]
    items = listed(api, titles=named, text=text)
    assert titles(items) == ["Sluice"]
    assert reasons(items) == [
        ("Sluice", "duplicate"),
        ("sluice", "duplicate"),
        ("Nothing", "missing"),
        ("Mercury (disambiguation)", "disambiguation"),
    ]


def test_titles_that_are_no_articles_of_this_wiki(listed):
    api = Api("Sluice")
    api.version_1 = True
    items = listed(api, titles=["Sluice", "Nothing", "Talk:Sluice", "A|B", "de:Schleuse"])
    assert titles(items) == ["Sluice"]
    assert reasons(items) == [
        ("Nothing", "missing"),
        ("Talk:Sluice", "no_article"),
        ("A|B", "invalid_title"),
        ("de:Schleuse", "missing"),
    ]


CATEGORIES = {
    "Category:Gates": ["A", "B", "Category:Locks", "C", "Category:Weirs"],
    "Category:Locks": ["B", "D", "Category:Gates"],
    "Category:Weirs": ["E", "Category:Deep"],
    "Category:Deep": ["F"],
}


@pytest.mark.parametrize(
    ("depth", "found"), [(0, "ABC"), (1, "ABCDE"), (2, "ABCDEF"), (5, "ABCDEF")]
)
def test_categories_are_walked_to_their_depth_and_each_once(listed, depth, found):
    api = Api(*"ABCDEF", categories=CATEGORIES)
    items = listed(api, categories=["Gates"], depth=depth)
    assert "".join(titles(items)) == found
    asked = [
        query["cmtitle"] for query in api.asked if "cmcontinue" not in query and "list" in query
    ]
    assert len(asked) == len(set(asked))


def test_a_category_that_is_misspelt_is_told(listed):
    items = listed(Api("A"), titles=["A"], categories=["Category:Gtaes"])
    assert reasons(items) == [("Category:Gtaes", "empty_category")]


def test_the_limit_counts_documents(listed):
    api = Api(*"ABC", categories={"Category:X": ["none", "A", "B", "C"]})
    items = listed(api, categories=["X"], limit=2)
    assert titles(items) == ["A", "B"]
    assert "C" not in {query.get("titles") for query in api.asked}


def test_sections_are_documents_of_their_own(listed, site):
    lead, history = listed(Api("Sluice"), titles=["Sluice"], unit="section", min_words=5)
    assert (lead.title, lead.url) == ("Sluice", site.url("/wiki/Sluice"))
    assert (history.title, history.url) == ("Sluice: History", site.url("/wiki/Sluice#History"))
    assert history.text.endswith("in a flood of the river.")
    assert len({lead.id, history.id}) == 2


def test_short_texts_and_headings_left_out(listed):
    api = Api("Sluice")
    items = listed(api, titles=["Sluice"], unit="section", min_words=18, skip=["history"])
    assert [item.reason for item in items] == ["too_short"]
    [none] = listed(api, titles=["Sluice"], min_words=1000)
    assert none.reason == "too_short"


def test_a_document_can_have_its_first_sentences_only(listed):
    [page] = listed(Api("Sluice"), titles=["Sluice"], sentences=3)
    assert page.text.endswith(
        "It is raised by hand.\nThe oldest Sluice was made by monks, as is written."
    )


LAG = {
    "error": {
        "code": "maxlag",
        "info": "Waiting for db1: 5.2 seconds lagged.",
        "host": "db1",
        "lag": 0.01,
        "type": "db",
    }
}


def test_a_wiki_that_lags_behind_is_waited_for_and_its_error_not_kept(listed):
    api = Api("Sluice")
    api.errors = [LAG, {"error": {"code": "ratelimited", "info": "You've exceeded your limit."}}]
    assert titles(listed(api, titles=["Sluice"])) == ["Sluice"]
    assert len(api.asked) == 3
    assert titles(listed(api, titles=["Sluice"])) == ["Sluice"]
    assert len(api.asked) == 3, "the answer was kept"
    assert titles(listed(api, titles=["Sluice"], refresh=True)) == ["Sluice"]
    assert len(api.asked) == 4


def test_a_wiki_that_stays_busy_is_an_error(listed):
    api = Api("Sluice")
    api.last_error = LAG
    with pytest.raises(CollectError, match="busy") as caught:
        listed(api, titles=["Sluice"])
    assert "lagged" in caught.value.what
    assert len(api.asked) == mediawiki.TRIES


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"error": {"code": "badvalue", "info": "Unrecognized value."}}, "Unrecognized value"),
        ({"something": "else"}, "something"),
    ],
)
def test_what_is_no_answer_is_an_error_and_not_kept(listed, said, message):
    api = Api("Sluice")
    api.errors = [said]
    with pytest.raises(CollectError, match=message) as caught:
        listed(api, titles=["Sluice"])
    assert "source.language" in caught.value.hint
    assert titles(listed(api, titles=["Sluice"])) == ["Sluice"]


def test_who_asks_is_named(listed, site):
    listed(Api("Sluice"), titles=["Sluice"])
    assert {one.headers["User-Agent"] for one in site.asked} == {
        "Papertune/0.1 (+tests@example.org)"
    }
