"""The scholarly APIs as servers on loopback that answer in their shapes, faults included."""

from __future__ import annotations

import logging
import re

import pytest

from papertune.collect.identifiers import document_id
from papertune.collect.listings import arxiv, crossref, openalex, semantic_scholar
from papertune.collect.lookups import Outcome
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import (
    ArxivSource,
    CrossrefSource,
    Lookups,
    OpenAlexSource,
    SemanticScholarSource,
)

TEXT = (
    "We ask whether a small model gains from reading the pages it is asked about. On three venues "
    "it does, and the gain survives a change of question writer by a wide margin in every case."
)
TITLE = "Small Models That Read Long Pages"
LOGIN = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Your network</body></html>"
CHALLENGE = (
    "<html><head><title>Just a moment...</title></head><body><p>Enable JavaScript and cookies to "
    "continue</p><script>window._cf_chl_opt={}</script></body></html>"
)
KINDS = ("arxiv", "openalex", "crossref", "semantic_scholar")
MODULES = dict(zip(KINDS, (arxiv, openalex, crossref, semantic_scholar), strict=True))


class Api:
    """A server that gives every request to ``answer(path, query)`` and notes what came."""

    def __init__(self, site):
        self.site, self.url = site, site.url()
        self.answer = lambda path, query: (404, "Resource not found.")
        site.otherwise = self.answer_to
        site.page("/robots.txt", "none", 404)

    def answer_to(self, handler):
        status, body, *headers = self.answer(handler.asked.path, handler.asked.query)
        media = {}
        if isinstance(body, str) and body[:1] in ("{", "["):
            media = {"Content-Type": "application/json"}
        elif isinstance(body, str) and body.startswith("<?xml"):
            media = {"Content-Type": "application/atom+xml"}
        return status, {**media, **(headers[0] if headers else {})}, body

    @property
    def asked(self):
        return [(one.path, one.query) for one in self._api]

    @property
    def headers(self):
        return [one.headers for one in self._api]

    @property
    def _api(self):
        return [one for one in self.site.asked if one.path != "/robots.txt"]

    def lookups(self, **how):
        return Lookups(**dict.fromkeys(KINDS, self.url), **how)


@pytest.fixture
def api(site):
    return Api(site)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    monkeypatch.delenv("OPENALEX_API_KEY", raising=False)
    monkeypatch.delenv("S2_API_KEY", raising=False)


def document(title=TITLE, url="https://journal.example/1", year=2020, doi=""):
    return Document(id=document_id(doi or url), title=title, url=url, year=year, doi=doi)


def split(items):
    items = list(items)
    documents = [item for item in items if isinstance(item, Document)]
    return documents, [(item.key, item.reason) for item in items if isinstance(item, Rejection)]


# ---- arXiv ------------------------------------------------------------------------------------


def entry(number, title=TITLE, summary=TEXT, published="2020-03-01T00:00:00Z", more=""):
    return (
        f"<entry><id>http://arxiv.org/abs/{number}</id><title>{title}</title>"
        f"<updated>2021-01-01T00:00:00Z</updated><summary>{summary}</summary>"
        f"<published>{published}</published>{more}</entry>"
    )


def feed(*entries, total=None):
    count = len(entries) if total is None else total
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" '
        'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">'
        "<id>https://arxiv.org/api/x</id><title>arXiv Query: x</title>"
        f"<opensearch:totalResults>{count}</opensearch:totalResults>{''.join(entries)}</feed>"
    )


ERROR = feed(
    "<entry><id>https://arxiv.org/api/errors#incorrect_id_format_for_abc</id><title>Error</title>"
    "<summary>incorrect id format for abc</summary></entry>"
)


def test_arxiv_lists_a_years_papers_page_by_page(api, polite):
    rows = [entry(f"2003.{number:05}v2", f"Paper {number}") for number in range(450)]

    def answer(path, query):
        first = int(query["start"])
        return 200, feed(*rows[first : first + int(query["max_results"])], total=len(rows))

    api.answer = answer
    source = ArxivSource(kind="arxiv", category="cs.AR", query='abs:"long pages"', url=api.url)
    documents, rejected = split(
        arxiv.list_documents(polite(max_megabytes=1), source, 2020, refresh=False)
    )
    assert [paper.title for paper in documents] == [f"Paper {number}" for number in range(450)]
    assert not rejected
    assert documents[7].url == "https://arxiv.org/abs/2003.00007"
    assert (documents[7].text, documents[7].found_by) == (TEXT, "listing")
    assert documents[7].id == document_id(documents[7].url)
    assert [query["start"] for _, query in api.asked] == ["0", "200", "400"]
    assert api.asked[0][1]["search_query"] == (
        'cat:cs.AR AND (abs:"long pages") AND submittedDate:[202001010000 TO 202012312359]'
    )


def test_arxiv_knows_what_a_paper_is_and_what_was_withdrawn(api, polite):
    doi = "<arxiv:doi>10.1109/ABC.2020.1 10.1109/OTHER</arxiv:doi>"
    back = (
        "<arxiv:comment>This paper has been withdrawn by the author: a sign error</arxiv:comment>"
    )
    page = feed(
        entry("2003.00001v1", more=doi),
        entry("hep-th/0003001v3", "An Old One"),
        entry("2003.00002v2", "Gone", "This paper has been withdrawn by the authors."),
        entry("2003.00003v2", "Gone, Too", more=back),
        entry(
            "2003.00004v1", "Stays", more="<arxiv:comment>withdraws a claim of [3]</arxiv:comment>"
        ),
        entry("2003.00005v1", "Short", "No."),
        entry("2003.00006v1", ""),
    )
    api.answer = lambda path, query: (200, page)
    source = ArxivSource(kind="arxiv", category="cs.AR", url=api.url)
    documents, rejected = split(arxiv.list_documents(polite(), source, 2020))
    assert [(paper.title, paper.url, paper.doi, bool(paper.text)) for paper in documents] == [
        (TITLE, "https://arxiv.org/abs/2003.00001", "10.1109/abc.2020.1", True),
        ("An Old One", "https://arxiv.org/abs/hep-th/0003001", "", True),
        ("Stays", "https://arxiv.org/abs/2003.00004", "", True),
        ("Short", "https://arxiv.org/abs/2003.00005", "", False),
    ]
    # a DOI may come later, and must not make another document of it
    assert documents[0].id == document_id(documents[0].url)
    assert rejected == [
        ("2003.00002", "withdrawn"),
        ("2003.00003", "withdrawn"),
        ("2003.00006", "bad_item"),
    ]


def test_arxiv_an_empty_page_is_asked_for_again(api, polite):
    def answer(path, query):
        empty = len(api.asked) == 1
        return 200, feed(*([] if empty else [entry("2003.00001v1")]), total=1)

    api.answer = answer
    source = ArxivSource(kind="arxiv", query="ti:x", url=api.url)
    assert len(list(arxiv.list_documents(polite(), source, 2020))) == 1
    assert len(api.asked) == 2
    api.answer = lambda path, query: (200, feed(total=9))
    with pytest.raises(CollectError, match="0 of 9 papers"):
        list(arxiv.list_documents(polite(), source, 2019))


@pytest.mark.parametrize("status", [200, 400])
def test_arxiv_an_error_is_an_entry(api, polite, status):
    api.answer = lambda path, query: (status, ERROR)
    source = ArxivSource(kind="arxiv", query="ti:x", url=api.url)
    with pytest.raises(CollectError, match=r"incorrect id format|does not understand"):
        list(arxiv.list_documents(polite(), source, 2020))
    found = arxiv.resolve(polite(), document(url="https://arxiv.org/abs/9999.99999"), api.lookups())
    assert found == Outcome(reason="not_found")


def test_arxiv_more_than_it_gives_is_said(api, polite):
    api.answer = lambda path, query: (200, feed(entry("2003.00001v1"), total=214881))
    source = ArxivSource(kind="arxiv", query="all:testing", url=api.url)
    with pytest.raises(CollectError, match="214881 papers"):
        list(arxiv.list_documents(polite(), source, 2020))


# ---- OpenAlex ---------------------------------------------------------------------------------


def inverted(text):
    index = {}
    for place, word in enumerate(text.split()):
        index.setdefault(word, []).append(place)
    return index


def work(number=1, title=TITLE, text=TEXT, year=2020, **more):
    return {
        "id": f"https://openalex.org/W{number}",
        "doi": f"https://doi.org/10.1234/AB.{number}",
        "title": title,
        "publication_year": year,
        "type": "article",
        "is_retracted": False,
        "is_paratext": False,
        "abstract_inverted_index": inverted(text) if text else None,
        "primary_location": {"landing_page_url": f"https://doi.org/10.1234/ab.{number}"},
        **more,
    }


def works(*results, cursor=None):
    meta = {"count": len(results), "per_page": 100, "next_cursor": cursor}
    return {"meta": meta, "results": list(results), "group_by": []}


def test_openalex_rejects_what_is_no_paper_with_its_reason(api, polite):
    page = works(
        work(1, is_paratext=True),
        work(2, type="erratum"),
        work(3, is_retracted=True),
        work(4, "Editorial Board"),
        work(5, None),
        work(6, doi=None, primary_location=None),
        work(7, year=2018),
        work(8, text=None),
        work(9, doi=None, primary_location={"landing_page_url": "https://venue.example/9"}),
    )
    api.answer = lambda path, query: (200, page)
    source = OpenAlexSource(kind="openalex", issn="2167-835x", url=api.url)
    documents, rejected = split(openalex.list_documents(polite(), source, 2020))
    assert [(paper.doi, paper.url, paper.text) for paper in documents] == [
        ("10.1234/ab.8", "https://doi.org/10.1234/ab.8", ""),
        ("", "https://venue.example/9", TEXT),
    ]
    assert [reason for _, reason in rejected] == [
        "front_matter",
        "other_type",
        "retracted",
        "front_matter",
        "no_title",
        "no_link",
        "other_year",
    ]
    assert "primary_location.source.issn:2167-835X" in api.asked[0][1]["filter"]


def test_openalex_finds_a_venue_by_name_or_says_what_there_is(api, polite):
    sources = [
        {"id": "https://openalex.org/S1", "display_name": "Pages", "works_count": 5},
        {
            "id": "https://openalex.org/S2",
            "display_name": "Conference on Long Pages",
            "alternate_titles": ["PAGES"],
            "abbreviated_title": "CLP",
            "works_count": 50,
        },
        {"id": "https://openalex.org/S3", "display_name": "Clay", "abbreviated_title": "clp"},
    ]

    def answer(path, query):
        return 200, works(*(sources if path == "/sources" else [work()]))

    api.answer = answer

    def listed(venue):
        source = OpenAlexSource(kind="openalex", venue=venue, url=api.url)
        list(openalex.list_documents(polite(), source, 2020))
        return api.asked[-1][1]["filter"].split(",")[0].rpartition(":")[2]

    assert listed("pages") == "S1"
    assert listed("Conference on long pages") == "S2"
    with pytest.raises(CollectError, match=r"several sources.*(?s:.*)S2 Conference on Long Pages"):
        listed("CLP")
    with pytest.raises(CollectError, match=r"no source.*(?s:.*)S1 Pages \(5 works\)"):
        listed("Leaves")


@pytest.mark.parametrize(
    ("status", "headers"), [(429, {"Retry-After": "86000"}), (403, {}), (401, {})]
)
def test_openalex_says_what_to_do_when_the_budget_is_used_up(api, polite, status, headers):
    body = {"error": "Rate limit exceeded", "message": "Insufficient budget. Resets at midnight."}
    api.answer = lambda path, query: (status, body, headers)
    source = OpenAlexSource(kind="openalex", issn="2167-8359", url=api.url)
    session = polite()
    with pytest.raises(HostStopped, match="OPENALEX_API_KEY"):
        list(openalex.list_documents(session, source, 2020))
    with pytest.raises(HostStopped, match="OPENALEX_API_KEY") as caught:
        openalex.resolve(session, document(), api.lookups())
    assert caught.value.what.count("OpenAlex") == 1
    assert len(api.asked) == 1, "a host that stopped is asked no more"


# ---- Crossref ---------------------------------------------------------------------------------


def deposit(number=1, title=TITLE, text=TEXT, year=2020, **more):
    made = {
        "DOI": f"10.5555/AB.{number}",
        "title": [title] if title else [],
        "type": "journal-article",
        "container-title": ["Journal of Pages"],
        "issued": {"date-parts": [[year, 3, 1]]},
        **more,
    }
    if text:
        made["abstract"] = f"<jats:title>Abstract</jats:title><jats:p>{text}</jats:p>"
    return made


def message(*items, total=None, cursor="next=="):
    inner = {
        "facets": {},
        "total-results": len(items) if total is None else total,
        "items": list(items),
        "items-per-page": 500,
        "next-cursor": cursor,
    }
    return {
        "status": "ok",
        "message-type": "work-list",
        "message-version": "1.0.0",
        "message": inner,
    }


def test_crossref_rejects_what_is_no_paper_with_its_reason(api, polite):
    page = message(
        deposit(1, type="journal-issue"),
        deposit(2, "Editorial Board"),
        deposit(3, ""),
        deposit(4, "RETRACTED: It"),
        deposit(5, text=None),
        deposit(6, "Caches", subtitle=["How they came to be"]),
    )
    api.answer = lambda path, query: (200, page)
    source = CrossrefSource(kind="crossref", container_title="Journal of Pages", url=api.url)
    documents, rejected = split(crossref.list_documents(polite(), source, 2020))
    assert [(paper.title, bool(paper.text)) for paper in documents] == [
        (TITLE, False),
        ("Caches: How they came to be", True),
    ]
    assert [reason for _, reason in rejected] == [
        "other_type",
        "front_matter",
        "no_title",
        "retracted",
    ]
    assert "container-title:Journal of Pages" in api.asked[0][1]["filter"]


def test_crossref_an_event_is_searched_for_until_others_come(api, polite):
    mine = {"name": "23rd Conference on Long Pages (CLP 2020)"}
    other = {"name": "Conference on Short Leaves"}
    pages = {
        "*": [deposit(1, event=mine), deposit(2, "Leaves", event=other)],
        "1": [deposit(3, "More Leaves", event=other)],
        "2": [deposit(4, "Never asked for", event=mine)],
    }

    def answer(path, query):
        return 200, message(
            *pages[query["cursor"]],
            total=90000,
            cursor=str(1 + int(query["cursor"].replace("*", "0"))),
        )

    api.answer = answer
    source = CrossrefSource(kind="crossref", event="CLP {year}", url=api.url)
    documents, rejected = split(crossref.list_documents(polite(), source, 2020))
    assert [paper.doi for paper in documents] == ["10.5555/ab.1"]
    assert rejected == [("10.5555/ab.2", "other_venue"), ("10.5555/ab.3", "other_venue")]
    assert api.asked[0][1]["query.event-name"] == "CLP 2020"


def test_crossref_a_title_with_a_comma_fits_into_no_filter(api, polite):
    named = "2020 Conference on Pages, Leaves and Books"
    page = message(
        deposit(1, **{"container-title": [named]}),
        deposit(2, **{"container-title": [f"{named} II"]}),
    )
    api.answer = lambda path, query: (200, page)
    source = CrossrefSource(
        kind="crossref", container_title="{year} Conference on Pages, Leaves and Books", url=api.url
    )
    documents, rejected = split(crossref.list_documents(polite(), source, 2020))
    assert [paper.doi for paper in documents] == ["10.5555/ab.1"]
    assert rejected == [("10.5555/ab.2", "other_venue")]
    assert api.asked[0][1]["query.container-title"] == named
    assert "container-title" not in api.asked[0][1]["filter"]


# ---- Semantic Scholar -------------------------------------------------------------------------


def paper(number=1, title=TITLE, text=TEXT, year=2020, ids=None, **more):
    return {
        "paperId": f"{number:040x}",
        "externalIds": {"DOI": f"10.1234/AB.{number}", "CorpusId": number} if ids is None else ids,
        "url": f"https://www.semanticscholar.org/paper/{number:040x}",
        "title": title,
        "abstract": text,
        "venue": "Pages",
        "year": year,
        **more,
    }


def test_semantic_scholar_landing_pages_and_rejections(api, polite):
    data = [
        paper(1, ids={"ArXiv": "2003.00001"}, text=None, tldr={"text": TEXT}),
        paper(2, ids={"ACL": "2020.acl-main.1"}),
        paper(3, ids={}),
        paper(4, year=2019),
        paper(5, "Front Matter"),
        paper(6, ""),
        paper(7, ids=None, externalIds=None),
        None,
    ]
    api.answer = lambda path, query: (200, {"total": 8, "data": data})
    source = SemanticScholarSource(kind="semantic_scholar", venue="Pages", url=api.url)
    documents, rejected = split(semantic_scholar.list_documents(polite(), source, 2020))
    assert [(one.url.rpartition("/paper/")[0] or one.url, bool(one.text)) for one in documents] == [
        ("https://arxiv.org/abs/2003.00001", False),
        ("https://aclanthology.org/2020.acl-main.1/", True),
        ("https://www.semanticscholar.org", True),
        ("https://www.semanticscholar.org", True),
    ]
    assert [reason for _, reason in rejected] == ["other_year", "front_matter", "no_title"]


def test_semantic_scholar_without_a_key_too_many_ask(api, polite):
    body = {"message": "Too Many Requests. Please wait and try again", "code": "429"}
    api.answer = lambda path, query: (429, body) if len(api.asked) < 2 else (200, paper())
    given = document(doi="10.1234/ab.1")
    assert semantic_scholar.resolve(polite(), given, api.lookups()).text == TEXT
    api.answer = lambda path, query: (429, body)
    with pytest.raises(HostStopped, match="S2_API_KEY"):
        semantic_scholar.resolve(polite(), document(doi="10.1234/ab.2"), api.lookups())


# ---- all of them ------------------------------------------------------------------------------


def source_of(kind, url):
    how = {
        "arxiv": {"category": "cs.AR"},
        "openalex": {"issn": "1234-5678"},
        "crossref": {"issn": "1234-5678"},
        "semantic_scholar": {"venue": "Pages"},
    }[kind]
    classes = (ArxivSource, OpenAlexSource, CrossrefSource, SemanticScholarSource)
    return dict(zip(KINDS, classes, strict=True))[kind](kind=kind, url=url, **how)


def made(kind, number, title=TITLE, text=TEXT, year=2020):
    if kind == "arxiv":
        return entry(f"2003.{number:05}v1", title, text or "", f"{year}-03-01T00:00:00Z")
    return {"openalex": work, "crossref": deposit, "semantic_scholar": paper}[kind](
        number, title, text, year
    )


def answered(kind, *items, total=None, cursor=""):
    """An answer of works; more follow at the cursor."""
    if kind == "arxiv":
        return feed(*items, total=total)
    if kind == "crossref":
        return message(*items, total=total, cursor=cursor)
    if kind == "semantic_scholar":
        return {"total": len(items), "data": list(items), **({"token": cursor} if cursor else {})}
    answer = works(*items, cursor=cursor or None)
    answer["meta"]["count"] = len(items) if total is None else total
    return answer


@pytest.mark.parametrize(
    ("kind", "first", "path", "said"),
    [
        ("openalex", "*", "/works", {
            "filter": "primary_location.source.issn:1234-5678,publication_year:2020",
            "mailto": "tests@example.org",
        }),
        ("crossref", "*", "/works", {
            "filter": "from-pub-date:2020-01-01,until-pub-date:2020-12-31,issn:1234-5678",
            "mailto": "tests@example.org",
        }),
        ("semantic_scholar", "", "/paper/search/bulk", {"venue": "Pages", "year": "2020"}),
    ],
)  # fmt: skip
def test_a_listing_goes_from_page_to_page(api, polite, kind, first, path, said):
    pages = {first: ([1, 2], "a+/b=="), "a+/b==": ([3], "c")} | {"c": ([], "")}

    def answer(path, query):
        numbers, cursor = pages[query.get("cursor", query.get("token", ""))]
        items = [made(kind, number, f"Paper {number}") for number in numbers]
        return 200, answered(kind, *items, total=3, cursor=cursor)

    api.answer = answer
    listed = MODULES[kind].list_documents(polite(), source_of(kind, api.url), 2020)
    documents, rejected = split(listed)
    assert [one.title for one in documents] == ["Paper 1", "Paper 2", "Paper 3"]
    assert not rejected
    first_one = documents[0]
    assert (first_one.text, first_one.found_by) == (TEXT, "listing")
    assert first_one.url == f"https://doi.org/{first_one.doi}"
    assert first_one.id == document_id(first_one.doi)
    assert api.asked[0][0] == path
    assert said.items() <= api.asked[0][1].items()


@pytest.mark.parametrize("kind", ["openalex", "crossref"])
def test_half_a_listing_is_none(api, polite, kind):
    api.answer = lambda path, query: (
        200,
        answered(kind, *([made(kind, 1)] if query["cursor"] == "*" else []), total=5, cursor="x"),
    )
    with pytest.raises(CollectError, match="1 of 5 works"):
        list(MODULES[kind].list_documents(polite(), source_of(kind, api.url), 2020))


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
    for number, (shown, outcome) in enumerate(
        (
            (TEXT, Outcome(TEXT, kind)),
            (half, Outcome(half, kind, "truncated")),
            (None, Outcome(reason="no_abstract")),
            (elided if kind == "semantic_scholar" else "N/A", Outcome(reason="no_abstract")),
        )
    ):
        one = made(kind, 1, "Another Name By Now", shown)
        answer = {"status": "ok", "message": one} if kind == "crossref" else one
        answer = feed(one) if kind == "arxiv" else answer
        api.answer = lambda path, query, answer=answer: (200, answer)
        session = polite()
        session.cache.folder = tmp_path / str(number)  # nothing of the last one
        assert MODULES[kind].resolve(session, document(**given), api.lookups()) == outcome
        assert api.asked[-1][0] == path or not path
        assert query.items() <= api.asked[-1][1].items()


@pytest.mark.parametrize("kind", KINDS)
def test_a_paper_is_looked_up_by_its_title_where_no_identifier_is_known(api, polite, kind):
    name = {
        "arxiv": "search_query",
        "openalex": "search.title",
        "crossref": "query.bibliographic",
        "semantic_scholar": "query",
    }[kind]

    def answer(path, query):
        if name not in query:
            return (200, feed()) if kind == "arxiv" else (404, "Resource not found.")
        if "nobody" in query[name]:
            nothing = kind == "semantic_scholar"
            return (404, {"error": "Title match not found"}) if nothing else (200, answered(kind))
        return 200, answered(kind, made(kind, 2, "Small models"), made(kind, 3))

    api.answer = answer

    def resolved(**given):
        return MODULES[kind].resolve(polite(), document(**given), api.lookups())

    by_title = Outcome(TEXT, f"{kind}:title")
    assert resolved() == by_title
    assert "small models that read long pages" in api.asked[-1][1][name]
    if kind != "arxiv":  # of which each paper has a number
        assert resolved(doi="10.9999/none") == by_title
        assert resolved(title="Editorial", doi="10.9999/none").reason == "not_found"
    assert resolved(title="Large Models That Write Short Pages").reason == "other_title"
    assert resolved(year=2024).reason == "other_title"
    assert resolved(title="Nobody Has Heard of This").reason == "not_found"
    assert resolved(title="Editorial").reason == "no_doi"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", [LOGIN, CHALLENGE])
def test_a_page_for_people_is_an_error_and_never_no_papers(api, polite, kind, page):
    api.answer = lambda path, query: (200, page)
    module = MODULES[kind]
    with pytest.raises(HostStopped):
        list(module.list_documents(polite(), source_of(kind, api.url), 2020))
    with pytest.raises(HostStopped) as caught:
        module.resolve(polite(), document(), api.lookups())
    assert "What to do" in str(caught.value)
    asked = len(api.asked)
    # nothing of it was kept: who asks again asks the API
    with pytest.raises(HostStopped):
        module.resolve(polite(), document(), api.lookups())
    assert len(api.asked) == asked + 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"x"', "{}", '{"message": []}', "Rate exceeded."]
)
def test_rubbish_is_an_error_and_passes(api, polite, kind, body):
    api.answer = lambda path, query: (200, body)
    module = MODULES[kind]
    with pytest.raises(PageError) as caught:
        list(module.list_documents(polite(), source_of(kind, api.url), 2020))
    assert (caught.value.reason, caught.value.passing) == ("bad_answer", True)
    with pytest.raises(PageError) as caught:
        module.resolve(polite(), document(), api.lookups())
    assert caught.value.passing


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_that_is_not_understood_is_said_so(api, polite, kind):
    api.answer = lambda path, query: (400, {"status": "failed", "message": [{"value": "x"}]})
    with pytest.raises(CollectError, match="does not understand") as caught:
        list(MODULES[kind].list_documents(polite(), source_of(kind, api.url), 2020))
    assert "What to do" in str(caught.value)


@pytest.mark.parametrize("kind", ["openalex", "crossref"])
def test_a_wrong_base_url_is_no_outcome_of_a_document(api, polite, kind):
    api.answer = lambda path, query: (404, "<html><title>Not Found</title>")
    with pytest.raises(CollectError, match=r"status 404(?s:.*)lookups") as caught:
        MODULES[kind].resolve(polite(), document(), api.lookups())
    assert not isinstance(caught.value, PageError)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_ill_is_no_outcome(api, polite, kind):
    api.answer = lambda path, query: (500, "Internal Server Error")
    with pytest.raises(PageError) as caught:
        MODULES[kind].resolve(polite(retries=0), document(doi="10.1234/x"), api.lookups())
    assert (caught.value.reason, caught.value.passing) == ("http_500", True)


@pytest.mark.parametrize("kind", ["openalex", "semantic_scholar"])
@pytest.mark.parametrize("status", [200, 404, 403, 429, 500])
def test_keys_are_in_no_file_log_or_error(api, polite, monkeypatch, caplog, tmp_path, kind, status):
    caplog.set_level(logging.DEBUG)
    key = "my+secret/key-of-2026"
    monkeypatch.setenv("OPENALEX_API_KEY", key)
    monkeypatch.setenv("S2_API_KEY", key)
    listing = {**works(), "data": [], "total": 0, "said": key}
    api.answer = lambda path, query: (status, listing if status == 200 else {"error": key})
    errors = []
    module = MODULES[kind]
    for action in (
        lambda: list(module.list_documents(polite(), source_of(kind, api.url), 2020)),
        lambda: module.resolve(polite(), document(), api.lookups()),
    ):
        try:
            action()
        except CollectError as error:
            errors.append(f"{error} {error!r} {error.__cause__}")
    sent = [query.get("api_key") for _, query in api.asked]
    sent += [headers.get("x-api-key") for headers in api.headers]
    assert key in sent, "the key went with the request"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    kept = "".join(path.read_text(encoding="utf-8") + path.name for path in files)
    for text in (kept, caplog.text, *errors):
        assert not re.search(r"secret", text), text
    assert bool(errors) == (status != 200)


@pytest.mark.parametrize("kind", ["openalex", "crossref"])
def test_a_contact_that_is_a_page_is_no_mailto(api, polite, kind):
    api.answer = lambda path, query: (200, {**works(), **message()})
    session = polite(contact="https://example.org/me@home")
    list(MODULES[kind].list_documents(session, source_of(kind, api.url), 2020))
    assert "mailto" not in api.asked[0][1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_rerun_asks_nothing_and_a_refresh_asks_again(api, polite, kind):
    answers = {"arxiv": feed(entry("2003.00001v1"))}
    both = {**works(work()), **message(deposit()), "data": [paper()], "total": 1}
    api.answer = lambda path, query: (200, answers.get(kind, both))
    module, source = MODULES[kind], source_of(kind, api.url)
    first = list(module.list_documents(polite(), source, 2020))
    assert len(first) == 1
    assert list(module.list_documents(polite(contact="other@example.org"), source, 2020)) == first
    assert len(api.asked) == 1
    assert list(module.list_documents(polite(), source, 2020, refresh=True)) == first
    assert len(api.asked) == 2
