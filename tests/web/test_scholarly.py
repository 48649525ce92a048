"""Scholarly sources: a server on loopback with their formats and faults."""

import logging
from contextlib import suppress

import pytest
from pydantic import TypeAdapter

from listed import split
from loopback import ABSTRACT as TEXT
from odd import odd
from papertune.collect.identifiers import document_id
from papertune.collect.listings import arxiv, crossref, openalex, semantic_scholar
from papertune.collect.listings.listing import items
from papertune.collect.lookups import Outcome
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings import Source
from papertune.study.settings.scholarly import Lookups

TITLE = "Small Models That Read Long Pages"
DATES = "submittedDate:[202001010000 TO 202012312359]"
SCHEMA = "https://dblp.org/rdf/schema#"
FOR_PEOPLE = {
    "login": "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Your network</body>",
    "Cloudflare": "<html><head><title>Just a moment...</title></head><body><p>Enable JavaScript and "
    "cookies to continue</p><script>window._cf_chl_opt={}</script></body></html>",
    "Anubis": "<!doctype html><title>Making sure you're not a bot!</title>"
    '<script id="anubis_challenge" type="application/json">{}</script>',
}
# who looks abstracts up, and the parameter of a search for a title
SERVICES = {
    "arxiv": (arxiv.SERVICE, "search_query"),
    "openalex": (openalex.SERVICE, "search.title"),
    "crossref": (crossref.SERVICE, "query.bibliographic"),
    "semantic_scholar": (semantic_scholar.SERVICE, "query"),
}
KEYS = {"openalex": "OPENALEX_API_KEY", "semantic_scholar": "S2_API_KEY"}
PAGES = {
    "dblp": {"url": "/toc{year}"},
    "acl_xml": {"path": "/{year}.x.xml"},
    "acl": {"url": "/x-{year}/"},
    "pmlr": {"url": "/v{volume}/", "volumes": {2020: [9]}},
}
APIS = {
    "arxiv": {"category": "cs.AR"},
    "openalex": {"issn": "1234-567x"},
    "crossref": {"issn": "1234-567x"},
    "semantic_scholar": {"venue": "Pages"},
    "dblp_api": {"query": "x"},
    "dblp_sparql": {"streams": ["conf/x"]},
}
every_service = pytest.mark.parametrize("kind", SERVICES)
every_api = pytest.mark.parametrize("kind", APIS)


class Api:
    """A server that gives every request to ``answer(path, query)``, and who asks it."""

    def __init__(self, site, polite):
        self.site, self.polite = site, polite
        site.otherwise = self._reply
        site.page("/robots.txt", "none", 404)

    def gives(self, body, status=200, **headers):
        self.answer = lambda path, query: (status, body, headers)

    def _reply(self, handler):
        status, body, *headers = self.answer(handler.asked.path, handler.asked.query)
        media = {"Content-Type": "application/atom+xml"} if "<feed" in str(body) else {}
        return status, {**media, **dict(*headers)}, body

    @property
    def asked(self):
        return [(one.path, one.query) for one in self.site.asked if one.path != "/robots.txt"]

    def list(self, kind, year=2020, session=None, refresh=False, **settings):
        """Documents, and rejections with key and reason."""
        values = settings or {**PAGES, **APIS}[kind]
        place = "path" if kind == "acl_xml" else "url"
        values = {"kind": kind, **values, place: self.site.url(values.get(place, ""))}
        source = TypeAdapter(Source).validate_python(values)
        session = session or self.polite(retries=0)
        found = split(items(session, source, year, refresh=refresh))
        return found[0], [(item.key, item.reason) for item in found[1]]

    def look_up(self, kind, session=None, title=TITLE, year=2020, doi="", url="https://e.example"):
        document = Document(document_id(doi or url), title, url, year, doi=doi)
        lookups = Lookups(**dict.fromkeys(SERVICES, self.site.url()))
        return SERVICES[kind][0].resolve(session or self.polite(retries=0), document, lookups)


@pytest.fixture
def api(site, polite, monkeypatch):
    for key in KEYS.values():
        monkeypatch.delenv(key, raising=False)
    return Api(site, polite)


# ---- their works and answers ------------------------------------------------------------------

DOI_URL = "https://doi.org/10.1234/ab.{}"
ATOM = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" '
    'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">'
    "<id>https://arxiv.org/api/x</id><title>arXiv Query: x</title>"
)


def made(kind, number=1, title=TITLE, text=TEXT, year=2020, **more):
    """A work as it comes, some of its fields given."""
    doi, key = f"10.1234/AB.{number}", f"{number:040x}"
    if kind == "arxiv":
        usual = {"id": f"http://arxiv.org/abs/2003.{number:05}v1", "title": title}
        usual |= {"summary": text or "", "published": f"{year}-03-01T00:00:00Z", **more}
        fields = "".join(f"<{name}>{said}</{name}>" for name, said in usual.items())
        return f"<entry><updated>2021-01-01T00:00:00Z</updated>{fields}</entry>"
    if kind == "openalex":
        index = {}
        for place, word in enumerate((text or "").split()):
            index.setdefault(word, []).append(place)
        usual = {"id": f"https://openalex.org/W{number}", "doi": f"https://doi.org/{doi}"}
        usual |= {"title": title, "publication_year": year, "type": "article"}
        usual |= {"abstract_inverted_index": index or None}
        usual |= {"primary_location": {"landing_page_url": DOI_URL.format(number)}}
    if kind == "crossref":
        jats = f"<jats:title>Abstract</jats:title><jats:p>{text}</jats:p>"
        usual = {"DOI": doi, "title": [title] if title else [], "type": "journal-article"}
        usual |= {"container-title": ["Journal of Pages"], "issued": {"date-parts": [[year, 3]]}}
        usual |= {"abstract": jats} if text else {}
    if kind == "semantic_scholar":
        usual = {"paperId": key, "url": f"https://www.semanticscholar.org/paper/{key}"}
        usual |= {"externalIds": {"DOI": doi, "CorpusId": number}}
        usual |= {"title": title, "abstract": text, "year": year}
    if kind == "dblp_api":
        usual = {"key": f"conf/x/{number}", "title": f"{title}.", "year": str(year)}
        return {"@id": "1", "info": {**usual, "ee": f"https://doi.org/{doi}", **more}}
    if kind == "dblp_sparql":
        usual = {"publ": f"https://dblp.org/rec/conf/x/{number}", "title": f"{title}."}
        usual |= {"year": str(year), "doi": f"https://doi.org/{doi}", "type": SCHEMA + "Article"}
        said = {name: value for name, value in {**usual, **more}.items() if value}
        return {name: {"type": "literal", "value": value} for name, value in said.items()}
    return {**usual, **more}


def answered(kind, *items, total=None, cursor=""):
    """An answer of works; more follow at the cursor."""
    count = len(items) if total is None else total
    if kind == "arxiv":
        several = f"<opensearch:totalResults>{count}</opensearch:totalResults>"
        return f"{ATOM}{several}{''.join(map(str, items))}</feed>"
    if kind == "openalex":
        return {"meta": {"count": count, "next_cursor": cursor or None}, "results": items}
    if kind == "crossref":
        inner = {"total-results": count, "items": items, "next-cursor": cursor}
        return {"status": "ok", "message-type": "work-list", "message": inner}
    if kind == "semantic_scholar":
        return {"total": count, "data": items, **({"token": cursor} if cursor else {})}
    if kind == "dblp_sparql":
        names = ["publ", "title", "year", "doi", "primary", "link", "type"]
        return {"head": {"vars": names}, "results": {"bindings": items}}
    # one hit is no list, and without one there is none
    hit = {"hit": items if items[1:] else items[0]} if items else {}
    return {"result": {"hits": {"@total": str(count), **hit}}}


# ---- one by one -------------------------------------------------------------------------------


def test_arxiv_an_empty_page_is_asked_for_again(api):
    one = [made("arxiv")]
    api.answer = lambda path, query: (200, answered("arxiv", *one[: len(api.asked) - 1], total=1))
    assert len(api.list("arxiv")[0]) == 1
    assert len(api.asked) == 2


@pytest.mark.parametrize("status", [200, 400])
def test_arxiv_an_error_is_an_entry(api, status):
    name = "https://arxiv.org/api/errors#incorrect_id_format_for_abc"
    said = "incorrect id format for abc"
    api.gives(answered("arxiv", made("arxiv", title="Error", text=said, id=name)), status)
    with pytest.raises(CollectError, match=r"incorrect id format|does not understand"):
        api.list("arxiv")
    outcome = api.look_up("arxiv", title="", url="https://arxiv.org/abs/9999.99999")
    assert outcome == Outcome(reason="not_found")


def test_openalex_finds_a_venue_by_name_or_says_what_there_is(api):
    names = {"display_name": "Conference on Long Pages", "abbreviated_title": "CLP"}
    found = {
        "/works": [made("openalex")],
        "/sources": [
            {"id": "https://openalex.org/S1", "display_name": "Pages", "works_count": 5},
            {"id": "https://openalex.org/S2", **names, "alternate_titles": ["PAGES"]},
            {"id": "https://openalex.org/S3", "display_name": "Clay", "abbreviated_title": "clp"},
        ],
    }
    api.answer = lambda path, query: (200, answered("openalex", *found[path]))

    def chosen(venue):
        api.list("openalex", venue=venue)
        return api.asked[-1][1]["filter"].split(",")[0].rpartition(":")[2]

    assert chosen("pages") == "S1"
    assert chosen("Conference on long pages") == "S2"
    with pytest.raises(CollectError, match=r"several sources.*(?s:.*)S2 Conference on Long Pages"):
        chosen("CLP")
    with pytest.raises(CollectError, match=r"no source.*(?s:.*)S1 Pages \(5 works\)"):
        chosen("Leaves")


@pytest.mark.parametrize(
    ("kind", "status", "headers"),
    [
        ("openalex", 429, {"Retry-After": "86000"}),
        ("openalex", 401, {}),
        ("semantic_scholar", 429, {}),
        ("semantic_scholar", 403, {}),
    ],
)
def test_who_refuses_says_which_key_helps_and_is_asked_no_more(api, polite, kind, status, headers):
    api.gives({"error": "Rate limit exceeded", "message": "Insufficient"}, status, **headers)
    session = polite(retries=0)
    for ask in (api.list, api.look_up):
        with pytest.raises(HostStopped, match=f"set {KEYS[kind]}") as caught:
            ask(kind, session=session)
    assert caught.value.what.count(SERVICES[kind][0].name) == 1
    assert len(api.asked) == 1


def test_crossref_an_event_is_searched_for_until_others_come(api):
    mine = {"name": "23rd Conference on Long Pages (CLP 2020)"}
    other = {"name": "Conference on Short Leaves"}
    pages = {"*": [mine, other], "1": [other], "2": [mine]}  # the last is never asked for

    def answer(path, query):
        page = query["cursor"]
        items = [made("crossref", place, event=event) for place, event in enumerate(pages[page])]
        following = str(1 + int(page.replace("*", "0")))
        return 200, answered("crossref", *items, total=90000, cursor=following)

    api.answer = answer
    documents, rejected = api.list("crossref", event="CLP {year}")
    assert [paper.doi for paper in documents] == ["10.1234/ab.0"]
    assert rejected == [("10.1234/ab.1", "other_venue"), ("10.1234/ab.0", "other_venue")]
    assert api.asked[0][1]["query.event-name"] == "CLP 2020"


def test_crossref_a_title_with_a_comma_fits_into_no_filter(api):
    named = "{} Conference on Pages, Leaves and Books"
    mine = named.format(2020)
    venues = {1: mine, 2: f"{mine} II"}
    works = [made("crossref", one, **{"container-title": [venues[one]]}) for one in venues]
    api.gives(answered("crossref", *works))
    documents, rejected = api.list("crossref", container_title=named.format("{year}"))
    assert [paper.doi for paper in documents] == ["10.1234/ab.1"]
    assert rejected == [("10.1234/ab.2", "other_venue")]
    assert api.asked[0][1]["query.container-title"] == mine
    assert "container-title" not in api.asked[0][1]["filter"]
    api.list("crossref", container_title="Journal of Pages")
    assert "container-title:Journal of Pages" in api.asked[-1][1]["filter"]


# ---- all of them ------------------------------------------------------------------------------

NOWHERE = {"doi": None, "primary_location": None}
GONE = "This paper has been withdrawn by the authors."


@pytest.mark.parametrize(
    ("kind", "works", "documents", "reasons"),
    [
        ("arxiv", [
            {"arxiv:doi": "10.1109/ABC.2020.1 10.1109/OTHER"},
            {"id": "http://arxiv.org/abs/hep-th/0003001v3"},
            {"arxiv:comment": "withdraws a claim of [3]", "text": "No."},
            {"text": GONE}, {"arxiv:comment": GONE}, {"title": ""},
        ], {
            "https://arxiv.org/abs/2003.00001": True,
            "https://arxiv.org/abs/hep-th/0003001": True,
            "https://arxiv.org/abs/2003.00003": False,
        }, "withdrawn withdrawn no_title"),
        ("openalex", [
            {"is_paratext": True}, {"type": "erratum"}, {"is_retracted": True},
            {"title": "Editorial Board"}, {"title": None}, NOWHERE, {"year": 2018}, {"text": None},
            {**NOWHERE, "primary_location": {"landing_page_url": "https://e.example/9"}},
        ], {
            DOI_URL.format(8): False,
            "https://e.example/9": True,
        }, "front_matter other_type retracted front_matter no_title no_link other_year"),
        ("crossref", [
            {"type": "journal-issue"}, {"title": "Editorial Board"}, {"title": ""},
            {"title": "RETRACTED: It"}, {"text": None}, {"subtitle": ["How they came to be"]},
        ], {
            DOI_URL.format(5): False,
            DOI_URL.format(6): True,
        }, "other_type front_matter no_title retracted"),
        ("semantic_scholar", [
            {"externalIds": {"ArXiv": "2003.00001"}, "text": None, "tldr": {"text": TEXT}},
            {"externalIds": {"ACL": "2020.acl-main.1"}},
            {"externalIds": {}, "url": "https://s2.example/3"},
            {"externalIds": None, "url": "https://s2.example/4"},
            {"year": 2019}, {"title": "Front Matter"}, {"title": ""}, None,
        ], {
            "https://arxiv.org/abs/2003.00001": False,
            "https://aclanthology.org/2020.acl-main.1/": True,
            "https://s2.example/3": True,
            "https://s2.example/4": True,
        }, "other_year front_matter no_title"),
        ("dblp_api", [
            {"ee": {"@type": "oa", "text": "https://e.example/1"}},
            {"ee": ["https://e.example/2", "https://doi.org/10.1234/ab.2"]},
            {"ee": None, "doi": "10.1234/AB.3"},
            {"type": "Editorship"}, {"year": 2019}, {"ee": None}, {"title": ""}, {"@id": "1"}, "?",
            # half a surrogate pair is no text, and would break a file
            {"year": "\ud800", "key": "conf/x/\ud800", "doi": "10.1145/\ud800"},
        ], {
            "https://e.example/1": False,
            DOI_URL.format(2): False,
            DOI_URL.format(3): False,
        }, "proceedings_volume other_year no_link no_title bad_item bad_item other_year"),
        ("dblp_sparql", [
            {"publ": "A", "primary": DOI_URL.format(1), "link": DOI_URL.format(1)},
            {"publ": "A", "primary": DOI_URL.format(1), "link": "https://e.example/a"},
            {"publ": "A", "type": SCHEMA + "Publication"},
            {},
            {"doi": None, "primary": "https://e.example/z", "link": "https://e.example/a"},
            {"doi": None, "link": "https://e.example/l"},
            {"type": SCHEMA + "Editorship"}, {"year": 2019}, {"doi": None},
        ], {
            DOI_URL.format(1): False,
            DOI_URL.format(4): False,
            "https://e.example/z": False,
            "https://e.example/l": False,
        }, "proceedings_volume other_year no_link"),
    ],
)  # fmt: skip
def test_what_is_no_paper_is_rejected_with_its_reason(api, kind, works, documents, reasons):
    items = [
        made(kind, number, **one) if isinstance(one, dict) and "@id" not in one else one
        for number, one in enumerate(works, start=1)
    ]
    api.gives(answered(kind, *items))
    found, rejected = api.list(kind)
    assert {one.url: bool(one.text) for one in found} == documents
    assert {one.title for one in found} <= {TITLE, f"{TITLE}: How they came to be"}
    assert [reason for _, reason in rejected] == reasons.split()
    assert all(key.encode() for key, _ in rejected)
    # a DOI of arXiv's may come later, and must not make another document of it
    assert [one.id for one in found] == [document_id(one.url) for one in found]
    assert kind != "arxiv" or found[0].doi == "10.1109/abc.2020.1"


@pytest.mark.parametrize(
    ("kind", "mark", "first", "second", "path", "said"),
    [
        ("arxiv", "start", "0", "2", "/", {"search_query": f"cat:cs.AR AND {DATES}"}),
        ("openalex", "cursor", "*", "a+/b==", "/works", {
            "filter": "primary_location.source.issn:1234-567X,publication_year:2020",
            "mailto": "tests@example.org",
        }),
        ("crossref", "cursor", "*", "a+/b==", "/works", {
            "filter": "from-pub-date:2020-01-01,until-pub-date:2020-12-31,issn:1234-567X",
            "mailto": "tests@example.org",
        }),
        ("semantic_scholar", "token", "", "a+/b==", "/paper/search/bulk", {"venue": "Pages"}),
        ("dblp_api", "f", "0", "2", "/", {"q": "x"}),
    ],
)  # fmt: skip
def test_a_listing_goes_from_page_to_page(api, kind, mark, first, second, path, said):
    pages = {first: ([1, 2], second), second: ([3], "c"), "c": ([], "")}

    def answer(path, query):
        numbers, cursor = pages[query.get(mark, "")]
        items = [made(kind, number, f"Paper {number}") for number in numbers]
        return 200, answered(kind, *items, total=3, cursor=cursor)

    api.answer = answer
    documents, rejected = api.list(kind)
    assert [one.title for one in documents] == ["Paper 1", "Paper 2", "Paper 3"]
    assert not rejected
    assert (documents[0].text, documents[0].found_by) == (TEXT, "listing") or kind == "dblp_api"
    assert api.asked[0][0] == path
    assert said.items() <= api.asked[0][1].items()


@pytest.mark.parametrize(
    ("kind", "total", "said"),
    [
        ("openalex", 5, "gives 0 of 5 papers"),
        ("crossref", 5, "gives 0 of 5 papers"),
        ("arxiv", 5, "gives 0 of 5 papers(?s:.*)narrow source.query"),
        ("arxiv", 214881, "gives 30000 of 214881"),
        ("dblp_api", 5, "gives 0 of 5 papers(?s:.*)narrow source.query"),
        ("dblp_api", 10001, "gives 10000 of 10001"),
    ],
)
def test_a_listing_of_which_nothing_comes_or_not_all_is_given_is_an_error(api, kind, total, said):
    api.gives(answered(kind, *[made(kind)][: total > 5], total=total, cursor="x"))
    with pytest.raises(CollectError, match=said):
        api.list(kind)


COUNTED = ("arxiv", "openalex", "crossref", "dblp_api")


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("last", ["empty", "again", "null"])
def test_a_count_that_is_too_high_costs_no_paper(api, polite, caplog, kind, last):
    if last == "null" and kind == "arxiv":
        pytest.skip("Atom has none")

    def answer(path, query):
        # with the mark of the page before: "x" again
        following = len({str(query) for _, query in api.asked}) > 1
        works = [] if following else [made(kind, 1), made(kind, 2, "Other")]
        given = answered(kind, *works, total=5, cursor="x" if last == "again" else "y")
        if following and last == "null":
            inner = given.get("message", given)
            inner |= {name: None for name in ("items", "results") if name in inner}
        return 200, given

    api.answer = answer
    session = polite(retries=0)
    documents, rejected = api.list(kind, session=session)
    assert [one.title for one in documents] == [TITLE, "Other"]
    [told] = [key for key, reason in rejected if reason == "not_given"]
    assert told == SERVICES[kind][0].name if kind in SERVICES else told
    assert "gives 2 of 5 papers" in caplog.text
    asked = len(api.asked)
    api.list(kind, session=session)
    assert kind == "dblp_api" or len(api.asked) > asked, "the last page is asked for again"


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("total", [None, "many", -1, 1.5, 0, 1, [], {}])
def test_a_count_that_is_none_or_too_low_ends_no_listing(api, kind, total):
    def answer(path, query):
        first = len({str(query) for _, query in api.asked}) == 1
        works = [made(kind, number, f"P{number}") for number in ((1, 2) if first else (3,))]
        works = works if len({str(query) for _, query in api.asked}) < 3 else []
        several = "" if kind == "arxiv" and total is None else total
        said = answered(kind, *works, total=0, cursor=str(len(api.asked)))
        if kind == "arxiv":
            return 200, said.replace("Results>0<", f"Results>{several}<")
        place = {"openalex": "meta", "crossref": "message", "dblp_api": "result"}[kind]
        inner = said[place]["hits"] if kind == "dblp_api" else said[place]
        inner[{"openalex": "count", "crossref": "total-results", "dblp_api": "@total"}[kind]] = (
            total
        )
        return 200, said

    api.answer = answer
    assert [one.title for one in api.list(kind)[0]] == ["P1", "P2", "P3"]


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("total", [0, 5])
def test_what_gives_the_same_page_for_ever_is_asked_twice(api, kind, total):
    works = [made(kind, 1), made(kind, 2, "Other")]
    api.answer = lambda path, query: (
        200,
        answered(kind, *works, total=total, cursor=str(len(api.asked))),
    )
    documents, rejected = api.list(kind)
    assert [one.title for one in documents] == [TITLE, "Other"] and len(api.asked) == 2
    assert [reason for _, reason in rejected] == ["not_given"] * (total > 2)


IN_ARXIV = {"url": "https://arxiv.org/abs/2003.00001v3"}


@pytest.mark.parametrize(
    ("kind", "given", "path", "query"),
    [
        ("arxiv", IN_ARXIV, "", {"id_list": "2003.00001"}),
        ("arxiv", {"doi": "10.48550/arxiv.2003.00001"}, "", {"id_list": "2003.00001"}),
        ("openalex", {"doi": "10.1234/ab(1)2-<3>#x"}, "/works/doi:10.1234/ab(1)2-<3>#x", {}),
        ("openalex", {"url": "https://doi.org/10.1234/AB%3C3%3E"}, "/works/doi:10.1234/ab<3>", {}),
        ("openalex", IN_ARXIV, "/works/doi:10.48550/arxiv.2003.00001", {}),
        ("crossref", {"doi": "10.5555/ab(1)<2>;3-4.co;2"}, "/works/10.5555/ab(1)<2>;3-4.co;2", {}),
        ("semantic_scholar", {"doi": "10.1234/ab<1>"}, "/paper/DOI:10.1234/ab<1>", {}),
        ("semantic_scholar", IN_ARXIV, "/paper/ARXIV:2003.00001", {}),
    ],
)
def test_a_paper_is_looked_up_by_its_identifier(api, polite, tmp_path, kind, given, path, query):
    half = TEXT[:150].rsplit(" ", 1)[0] + "..."
    elided = "Notice: This paper's abstract has been elided by the publisher. Ask there for it."
    outcomes = {
        TEXT: Outcome(TEXT, kind),
        half: Outcome(half, kind, "truncated"),
        "": Outcome(reason="no_abstract"),
        elided if kind == "semantic_scholar" else "N/A": Outcome(reason="no_abstract"),
    }
    for number, (shown, outcome) in enumerate(outcomes.items()):
        one = made(kind, 1, "Another Name By Now", shown or None)
        answer = {"status": "ok", "message": one} if kind == "crossref" else one
        api.gives(answered(kind, one) if kind == "arxiv" else answer)
        session = polite()
        session.cache.folder = tmp_path / str(number)  # nothing of the last one
        assert api.look_up(kind, session, **given) == outcome
        assert api.asked[-1][0] == path or not path
        assert query.items() <= api.asked[-1][1].items()


@every_service
def test_a_paper_is_looked_up_by_its_title_where_no_identifier_is_known(api, kind):
    name = SERVICES[kind][1]

    def answer(path, query):
        if name not in query:
            return (200, answered(kind)) if kind == "arxiv" else (404, "Resource not found.")
        if "nobody" in query[name]:
            nothing = kind == "semantic_scholar"
            return (404, {"error": "Title match not found"}) if nothing else (200, answered(kind))
        return 200, answered(kind, made(kind, 2, "Small models"), made(kind, 3))

    api.answer = answer
    by_title = Outcome(TEXT, f"{kind}:title")
    assert api.look_up(kind) == by_title
    assert "small models that read long pages" in api.asked[-1][1][name]
    if kind != "arxiv":  # of which each paper has a number
        assert api.look_up(kind, doi="10.9999/none") == by_title
        assert api.look_up(kind, title="Editorial", doi="10.9999/none").reason == "not_found"
    for given, reason in (
        ({"title": "Large Models That Write Short Pages"}, "other_title"),
        ({"year": 2024}, "other_title"),
        ({"title": "Nobody Has Heard of This"}, "not_found"),
        ({"title": "Editorial"}, "no_doi"),
    ):
        assert api.look_up(kind, **given).reason == reason


@pytest.mark.parametrize("kind", {**PAGES, **APIS})
@pytest.mark.parametrize("page", FOR_PEOPLE)
def test_a_page_for_people_is_an_error_and_never_no_papers(api, kind, page):
    api.gives(FOR_PEOPLE[page])
    asks = [api.list, api.look_up, api.look_up] if kind in SERVICES else [api.list, api.list]
    for number, ask in enumerate(asks, start=1):
        with pytest.raises(CollectError, match="What to do"):
            ask(kind)
        # nothing of it is kept: who asks again asks the API
        assert len(api.asked) == number or (kind in PAGES and page == "login")


@every_api
@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        *((body, 200, "bad_answer") for body in ("", "{", "[]", "{}", '{"message": []}')),
        ("[" * 100_000, 200, "bad_answer"),
        ("Internal Server Error", 500, "http_500"),
    ],
)
def test_rubbish_is_an_error_and_passes(api, polite, kind, body, status, reason):
    api.gives(body, status)
    session = polite(retries=0, max_megabytes=1)
    for ask in (api.list, api.look_up) if kind in SERVICES else (api.list,):
        with pytest.raises(PageError) as caught:
            ask(kind, session=session)
        assert (caught.value.reason, caught.value.passing) == (reason, True)
        assert status == 500 or not kind.startswith("dblp") or "dblp_snapshot" in caught.value.hint


typed = pytest.mark.parametrize("kind", [kind for kind in APIS if kind != "arxiv"])


def without_each(value):
    """A work in which each field is missing in turn, those within others too."""
    for key in value if isinstance(value, dict) else ():
        yield {name: said for name, said in value.items() if name != key}
        yield from ({**value, key: inner} for inner in without_each(value[key]))


@typed
def test_a_work_of_an_odd_type_costs_itself(api, polite, kind):
    session, other = polite(retries=0), made(kind, 2, "Other", "We.")
    whole = made(kind, text="We do.")
    for one in [*odd(whole), *without_each(whole)]:
        api.gives(answered(kind, one, other))
        documents, rejected = api.list(kind, session=session, refresh=True)
        assert "Other" in [document.title for document in documents]
        assert len(documents) + len(rejected) == 2 or one is None


@pytest.mark.slow
@typed
def test_an_answer_of_an_odd_type_is_an_error_or_an_outcome(api, polite, kind):
    session, one = polite(retries=0), made(kind, text="We.")
    works = answered(kind, one, 1)
    for answer in [*odd(works), *odd({"message": one} if kind == "crossref" else one)]:
        api.gives(answer)
        for how in ({}, {"venue": "x"}) if kind == "openalex" else ({},):
            with suppress(CollectError):
                api.list(kind, session=session, refresh=True, **how)
        for given in ({}, {"doi": "10.1234/ab.1"}) if kind in SERVICES else ():
            session.cache.folder = session.cache.folder.with_name(str(len(api.asked)))
            with suppress(PageError):
                assert isinstance(api.look_up(kind, session, **given), Outcome)


@every_api
def test_a_query_that_is_not_understood_and_a_wrong_base_url_are_said_so(api, kind):
    api.gives({"status": "failed", "message": [{"value": "x"}]}, 400)
    with pytest.raises(CollectError, match=r"does not understand(?s:.*)What to do"):
        api.list(kind)
    api.gives("<html><title>Not Found</title>", 404)
    for ask in (api.list, api.look_up) if kind in ("openalex", "crossref") else (api.list,):
        with pytest.raises(CollectError, match=r"status 404(?s:.*)lookups") as caught:
            ask(kind, year=2019)
        assert not isinstance(caught.value, PageError), "it is no outcome of a document"


def test_the_sparql_endpoint_is_asked_for_sparqls_json(api):
    api.gives({"exception": "Operation timed out."})
    with pytest.raises(PageError, match="says: Operation timed out"):
        api.list("dblp_sparql")

    def answer(*names):
        rows = [{name: {"value": f"https://e.example/{name}"} for name in names[:2]}, {}]
        return {"head": {"vars": names}, "results": {"bindings": rows}}

    # a query of one's own may give titles and links only, and gives them
    api.gives(answer("title", "link"))
    [found], rejected = api.list("dblp_sparql", query="SELECT … {year}")
    assert (found.url, rejected) == ("https://e.example/link", [("row 2", "no_title")])
    assert api.site.asked[-1].headers["Accept"] == "application/sparql-results+json"
    assert api.asked[-1][1] == {"query": "SELECT … 2020"}
    api.gives(answer("link", "paper"))
    with pytest.raises(CollectError, match=r"the query gives link, paper(?s:.*)\?title"):
        api.list("dblp_sparql", query="SELECT …")


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("status", [200, 404, 403, 429, 500])
def test_keys_are_in_no_file_log_or_error(api, monkeypatch, caplog, tmp_path, kind, status):
    caplog.set_level(logging.DEBUG)
    key = "my+secret/key-of-2026"
    monkeypatch.setenv(KEYS[kind], key)
    api.gives({**answered(kind), "said": key} if status == 200 else {"error": key}, status)
    errors = []
    for ask in (api.list, api.look_up):
        try:
            ask(kind)
        except CollectError as error:
            errors.append(f"{error} {error!r} {error.__cause__}")
    sent = {request.query.get("api_key") for request in api.site.asked}
    assert key in sent | {request.headers.get("x-api-key") for request in api.site.asked}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    kept = [path.read_text(encoding="utf-8") + path.name for path in files]
    assert "secret" not in "".join([*kept, caplog.text, *errors])
    assert bool(errors) == (status != 200)


@every_service
def test_a_rerun_asks_nothing_and_a_refresh_asks_again(api, polite, kind):
    api.gives(answered(kind, made(kind)))
    first = api.list(kind)
    assert len(first[0]) == 1
    nobody = polite(contact="https://example.org/me@home")
    assert api.list(kind, session=nobody) == first
    assert len(api.asked) == 1
    assert api.list(kind, session=nobody, refresh=True) == first
    assert len(api.asked) == 2
    assert "mailto" not in api.asked[1][1]  # the contact is no e-mail
