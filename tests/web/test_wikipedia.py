"""Wikipedia's pages through a MediaWiki API on loopback."""

from contextlib import suppress

import pytest

from odd import odd
from papertune.collect.identifiers import document_id
from papertune.collect.listings import wikipedia
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
DISAMBIGUATION = "Mercury (disambiguation)"


class Api:
    """Speaks as the API does; ``errors`` come in turn before answers."""

    def __init__(self, *pages, redirects=None, categories=None, errors=()):
        self.pages, self.redirects = set(pages), redirects or {}
        self.categories = categories or {}
        self.errors, self.asked = list(errors), []

    def __call__(self, handler):
        query = handler.asked.query
        self.asked.append(query)
        assert (query["format"], query["maxlag"]) == ("json", "5")
        answer = getattr(self, query.get("list", query["action"]))
        return 200, {}, self.errors.pop(0) if self.errors else answer(query)

    def categorymembers(self, query):
        members = self.categories.get(query["cmtitle"], [])
        if query["cmtype"] == "page":
            members = [title for title in members if not title.startswith("Category:")]
        first = int(query.get("cmcontinue", "page|0|0").split("|")[2])
        chosen = [
            {"pageid": 1, "ns": 14 if title.startswith("Category:") else 0, "title": title}
            for title in members[first : first + 2]
        ]
        more = {"cmcontinue": f"page|0|{first + 2}", "continue": "-||"}
        answer = {"batchcomplete": True, "query": {"categorymembers": chosen}}
        return {**answer, **({"continue": more} if len(members) > first + 2 else {})}

    def query(self, query):
        title = query["titles"].replace("_", " ")
        if title.startswith("de:"):
            return {"batchcomplete": True, "query": {"interwiki": [{"title": title, "iw": "de"}]}}
        title = self.redirects.get(title, title)
        page = {"ns": 0, "title": title, "pageid": 3, "extract": TEXT.format(title=title)}
        if title.startswith("Talk:"):
            page["ns"] = 1
        elif title not in self.pages:
            page = {"ns": 0, "title": title, "missing": True}
        elif title == DISAMBIGUATION:
            page["pageprops"] = {"disambiguation": ""}
        return {"batchcomplete": True, "query": {"pages": [page]}}

    def parse(self, query):
        title = self.redirects.get(query["page"], query["page"])
        if title not in self.pages:
            return {"error": {"code": "missingtitle", "info": "The page doesn't exist."}}
        html = "".join(
            f"<h2>{line.strip('= ')}</h2>" if line.startswith("=") else f"<p>{line}</p>"
            for line in TEXT.format(title=title).split("\n")
        )
        html = f'<div class="mw-parser-output"><table><tr><td>Box.</td></tr></table>{html}</div>'
        properties = {"disambiguation": ""} if title == DISAMBIGUATION else {}
        return {"parse": {"title": title, "pageid": 3, "text": html, "properties": properties}}


@pytest.fixture
def listed(site, polite, monkeypatch):
    monkeypatch.setattr(wikipedia, "LAG_PAUSE", 0.01)

    def read(api, refresh=False, **settings):
        site.otherwise = api
        settings = settings if "categories" in settings else {"titles": ["Sluice"], **settings}
        source = WikipediaSource(kind="wikipedia", url=site.url("/w/api.php"), **settings)
        return list(list_documents(polite(max_megabytes=10), source, 0, refresh=refresh))

    return read


def said(items):
    """Titles of documents, and titles with reasons of what is none."""
    return [i.title if isinstance(i, Document) else (i.key, i.reason) for i in items]


NAMED = """
Gates
category: Gates
Kategorie:Gates
Catégorie:Gates
Категория:Gates
分类:Gates
:Kategorie:Gates
[[Kategorie:Gates]]
Thể loại:Gates
https://de.wikipedia.org/wiki/Kategorie:Gates
https://fr.wikipedia.org/wiki/Cat%C3%A9gorie:Gates
https://de.wikipedia.org/w/index.php?title=Kategorie:Gates&from=B
"""


@pytest.mark.parametrize("named", NAMED.strip().splitlines())
def test_a_category_is_known_by_its_name_in_any_language(listed, named):
    api = Api("Sluice", categories={"Category:Gates": ["Sluice"]})
    assert said(listed(api, categories=[named])) == ["Sluice"]


def test_a_colon_and_underscores_are_part_of_a_name(listed):
    api = Api("Sluice", categories={"Category:Gates: old ones": ["Sluice"]})
    assert said(listed(api, categories=["Kategorie:Gates:_old_ones"])) == ["Sluice"]


def test_a_page_that_is_too_large_costs_itself(listed):
    long = "Sluice" + " and sluice" * 1_000_000
    items = listed(Api(long, "Gate", redirects={"Sluice": long}), titles=["Sluice", "Gate"])
    assert said(items) == [("Sluice", "too_large"), "Gate"]


@pytest.mark.parametrize("text", ["extracts", "html"])
def test_a_page_is_a_document_without_a_year(listed, site, text):
    [page] = listed(Api("Sluice gate"), titles=["Sluice gate"], text=text)
    url = site.url("/wiki/Sluice_gate")
    said = (
        "Sluice gate is a gate that holds back the water of a mill. It is raised by hand.\n"
        "The oldest Sluice gate was made by monks, as is written. Nobody has seen it.\n"
        "A later one was made of iron, and it was lost in a flood of the river."
    )
    assert page == Document(document_id(url), "Sluice gate", url, 0, said, "listing")


@pytest.mark.parametrize(
    ("text", "more"),
    [("extracts", {"Talk:Sluice": "no_article", "de:Schleuse": "missing"}), ("html", {})],
)
def test_what_is_no_article_has_its_reason(listed, text, more):
    api = Api("Sluice", DISAMBIGUATION, redirects={"Gate": "Sluice"})
    reasons = {"sluice": "duplicate", "Nothing": "missing", DISAMBIGUATION: "disambiguation"}
    reasons |= {"A|B": "invalid_title", **more}
    redirected, page, *others = listed(api, titles=["Gate", "Sluice", *reasons], text=text)
    assert redirected == page, "which is then listed once"
    assert said(others) == list(reasons.items())


CATEGORIES = {
    "Category:Gates": ["A", "B", "Category:Locks", "C", "Category:Weirs"],
    "Category:Locks": ["B", "D", "Category:Gates"],
    "Category:Weirs": ["E", "Category:Deep"],
    "Category:Deep": ["F"],
}


@pytest.mark.parametrize(("depth", "found"), [(0, "ABC"), (1, "ABCDE"), (5, "ABCDEF")])
def test_categories_are_walked_to_their_depth_and_each_once(listed, depth, found):
    api = Api(*"ABCDEF", categories=CATEGORIES)
    items = said(listed(api, categories=["Gates"], depth=depth))
    assert [item for item in items if isinstance(item, str)] == list(found)
    asked = [(query["cmtitle"], query.get("cmcontinue")) for query in api.asked if "list" in query]
    assert len(asked) == len(set(asked))


def test_a_category_that_is_misspelt_is_told_and_the_limit_counts_documents(listed):
    misspelt = "Category:Gtaes"
    assert said(listed(Api(), categories=[misspelt])) == [(misspelt, "empty_category")]
    api = Api(*"ABC", categories={"Category:X": ["none", "A", "B", "C"]})
    assert said(listed(api, categories=["X"], limit=2)) == [("none", "missing"), "A", "B"]
    assert "C" not in {query.get("titles") for query in api.asked}


def test_sections_are_documents_of_their_own_and_texts_may_be_cut(listed, site):
    api = Api("Sluice")
    lead, history = listed(api, unit="section", min_words=5)
    assert (lead.title, lead.url) == ("Sluice", site.url("/wiki/Sluice"))
    assert (history.title, history.url) == ("Sluice: History", site.url("/wiki/Sluice#History"))
    assert history.text.endswith("in a flood of the river.")
    assert lead.id != history.id
    for how in ({"unit": "section", "min_words": 18, "skip": ["history"]}, {"min_words": 1000}):
        assert [item.reason for item in listed(api, **how)] == ["too_short"]
    [page] = listed(api, sentences=3)
    ending = "It is raised by hand.\nThe oldest Sluice was made by monks, as is written."
    assert page.text.endswith(ending)


def test_half_a_surrogate_pair_costs_its_character(listed):
    half = "Sluice \ud83d"
    [page] = listed(Api(half, redirects={"Sluice": half}))
    assert page.title == "Sluice \ufffd" and page.text.startswith("Sluice \ufffd is a gate")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["extracts", "html"])
def test_what_is_of_an_odd_type_costs_its_page(listed, monkeypatch, text):
    monkeypatch.setattr(wikipedia, "LONGEST_PAUSE", 0.001)
    api = Api("A", categories={"Category:X": ["Sluice", "A"]})
    good = api.parse({"page": "A"}) if text == "html" else api.query({"titles": "A"})
    members = api.categorymembers({"cmtitle": "Category:X", "cmtype": "page"})
    for one in odd(good):
        given = api.parse if text == "html" else api.query
        setattr(api, "parse" if text == "html" else "query", lambda query, one=one: one)
        with suppress(CollectError):
            [_] = listed(api, refresh=True, text=text)
        setattr(api, given.__name__, given)
    busy = {"code": "maxlag", "info": "x", "lag": 0.0}
    for one in odd({**members, "error": busy}) if text == "html" else ():
        api.categorymembers = lambda query, one=one: one
        with suppress(CollectError):
            listed(api, refresh=True, categories=["X"])


@pytest.mark.slow
def test_a_text_that_cannot_be_split_into_sentences_costs_its_page(listed):
    api, endless = Api("Sluice"), {"title": "Endless", "extract": "A. " * 330_000}
    known = api.query
    api.query = lambda query: (
        {"query": {"pages": [endless]}} if query["titles"] == "Endless" else known(query)
    )
    first, rejected = listed(api, titles=["Sluice", "Endless"], sentences=1, min_words=1)
    assert first.text == "Sluice is a gate that holds back the water of a mill."
    assert rejected.reason == "parse_time"
    assert "is not tried again; to retry, delete " in rejected.detail


LAG = {"error": {"code": "maxlag", "info": "Waiting for db1: 5.2 seconds lagged.", "lag": 0.01}}
LIMITED = {"error": {"code": "ratelimited", "info": "You've exceeded your limit."}}
BAD_VALUE = {"error": {"code": "badvalue", "info": "Unrecognized value."}}


@pytest.mark.parametrize(
    ("error", "message", "asked"),
    [
        (LAG, r"busy \(.*lagged", wikipedia.TRIES),
        (BAD_VALUE, r"Unrecognized value(?s:.*)source\.language", 1),
        ({"something": "else"}, r"something(?s:.*)source\.language", 1),
    ],
)
def test_what_is_no_answer_is_an_error_and_not_kept(listed, error, message, asked):
    api = Api("Sluice", errors=[error] * asked)
    with pytest.raises(CollectError, match=message):
        listed(api)
    assert len(api.asked) == asked
    api.errors = [LAG, LIMITED]  # which is waited for
    for refresh, more in ((False, 3), (False, 0), (True, 1)):
        asked += more
        assert said(listed(api, refresh)) == ["Sluice"]
        assert len(api.asked) == asked
