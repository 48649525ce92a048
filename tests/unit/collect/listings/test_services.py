"""What is taken of the answers of arXiv, Crossref, OpenAlex and Semantic Scholar, saved ones too."""

import json
import os
from pathlib import Path

import pytest
import yaml

from listed import split
from papertune.collect.listings import arxiv, crossref, openalex, semantic_scholar
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.study.settings import Fetching
from papertune.study.settings.scholarly import ArxivSource, CrossrefSource

DATES = "submittedDate:[202001010000 TO 202012312359]"
ELIDED = "an abstract has been elided by the publisher of it, and find much to say about that."
FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")
saved = pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of answers")


@pytest.mark.parametrize(
    ("how", "query"),
    [
        ({"category": "cs.AR"}, f"cat:cs.AR AND {DATES}"),
        ({"query": "ti:a OR ti:b"}, f"(ti:a OR ti:b) AND {DATES}"),
        ({"query": 'jr:"ISCA {year}"'}, 'jr:"ISCA 2020"'),
        ({"query": "ti:a OR jr:{year}", "category": "hep-th"}, "cat:hep-th AND (ti:a OR jr:2020)"),
    ],
)
def test_arxivs_query_of_a_year(how, query):
    assert arxiv._query(ArxivSource(kind="arxiv", **how), 2020) == query


@pytest.mark.parametrize(
    ("summary", "comment", "gone"),
    [
        ("This paper has been withdrawn by the author due to a sign error.", "", True),
        ("This submission has been withdrawn.", "", True),
        ("The manuscript was withdrawn because of an error in the data.", "", True),
        ("Withdrawn: see the comment.", "", True),
        ("arXiv admin note: this article has been withdrawn by arXiv administrators", "", True),
        ("We show how it is.", "This paper has been withdrawn by the authors", True),
        ("We study papers that have been withdrawn from journals.", "", False),
        ("This paper studies why drugs are withdrawn.", "8 pages", False),
        ("One arm closed early because the drug was withdrawn from sale.", "", False),
    ],
)
def test_withdrawn_papers(summary, comment, gone):
    assert arxiv.Entry("2202.12139", "T", summary, comment, 2022, "").withdrawn is gone


@pytest.mark.parametrize(
    ("work", "titles"),
    [
        ({"title": ["One &amp; <i>Two</i>"], "subtitle": []}, ["One & Two"]),
        ({"title": ["One:"], "subtitle": ["Two"]}, ["One:", "One: Two"]),
        ({"title": ["One: two"], "subtitle": ["Two"]}, ["One: two"]),
        ({"title": [], "subtitle": ["Two"]}, []),
        ({"title": None}, []),
    ],
)
def test_crossrefs_titles(work, titles):
    assert crossref._titles(work) == titles


@pytest.mark.parametrize(
    ("parts", "year"),
    [([[2020, 3, 1]], 2020), ([["2020"]], 2020), ([[None]], None), ([[]], None), ([], None)],
)
def test_crossrefs_years(parts, year):
    assert crossref._year({"issued": {"date-parts": parts}}) == year


@pytest.mark.parametrize(
    ("work", "named", "whole", "fits"),
    [
        ({"event": {"name": "43rd Symposium (ISCA 2020)"}}, "ISCA 2020", False, True),
        ({"event": {"name": "Symposium", "acronym": "ISCA '20"}}, "ISCA '20", False, True),
        ({"event": {"name": "ISCAS 2020"}}, "ISCA", False, False),
        ({"container-title": ["2020 ISCA Proceedings"]}, "isca", False, True),
        ({"container-title": ["Pages & Leaves"]}, "Pages &amp; leaves", True, True),
        ({"container-title": ["Pages and More"]}, "Pages", True, False),
        ({"event": None, "container-title": None}, "Pages", False, False),
    ],
)
def test_crossrefs_venues(work, named, whole, fits):
    assert crossref._is_of(work, named, exactly=whole) is fits


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ({"the": [0, 3], "cache": [1, 4], "reads": [2], "again": [5]},
         "the cache reads the cache again"),
        ({"b": [10], "a": [2], "c": [1_000_000_000]}, "a b c"),
        ({"a": [0], "b": "1", "c": [None, 2.5, 1]}, "a c"),
        ({"a": [1], "b": [1]}, "a b"),
        (None, ""),
        ([], ""),
    ],
)  # fmt: skip
def test_openalexs_words_come_in_the_order_of_their_places(index, text):
    assert openalex.abstract_of({"abstract_inverted_index": index}) == text


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Abstract Caches forget what they read", "Caches forget what they read"),
        ("ABSTRACT Caches forget", "Caches forget"),
        ("Abstract: caches forget", "caches forget"),
        ("Abstract Background Caches forget", "Background Caches forget"),
        ("Abstract State Machines forget", "Abstract State Machines forget"),
        ("Abstract interpretation forgets", "Abstract interpretation forgets"),
        ("<jats:p>Caches <jats:italic>forget</jats:italic></jats:p>", "Caches forget"),
        (
            r"Sets of \documentclass[12pt]{minimal} \begin{document}$$n$$\end{document} forget",
            "Sets of $$n$$ forget",
        ),
    ],
)
def test_what_publishers_left_in_openalexs_words(said, text):
    index = {f"{word}": [place] for place, word in enumerate(said.split())}
    assert openalex.abstract_of({"abstract_inverted_index": index}) == text


@pytest.mark.parametrize(
    ("abstract", "text"),
    [
        ("We <i>show</i> &amp; tell.", "We show & tell."),
        ("Abstract. We show.", "We show."),
        (None, ""),
        ("Notice: This paper's abstract has been elided by the publisher. Ask there.", ""),
        (f"We ask why {ELIDED}", f"We ask why {ELIDED}"),
    ],
)
def test_semantic_scholars_abstracts(abstract, text):
    assert semantic_scholar._abstract({"abstract": abstract, "tldr": {"text": "no"}}) == text


# ---- saved answers, where there are some ------------------------------------------------------


@saved
def test_saved_feeds(tmp_path):
    found = {}
    session = PoliteSession(Fetching(), tmp_path)
    for path in sorted(Path(FIXTURES, "arxiv").glob("*.json")):
        answer = json.loads(path.read_text(encoding="utf-8"))
        url = answer["url"]
        session.cache.write(Page(url, url, "application/atom+xml", answer["body"]))
        try:
            entries, total = arxiv._feed(session, url, False)
        except PageError as error:
            found["error"] = error.what
        else:
            found[total if total < 2 else "many"] = entries
    assert "incorrect id format" in found["error"]
    assert found[0] == []
    assert [entry.id for entry in found[1]] == ["1605.08386"]
    assert len(found["many"]) == 10
    for entry in [*found[1], *found["many"]]:
        assert entry.title and entry.year and not entry.withdrawn
        assert len(entry.summary) > 300
        assert arxiv._document(entry, 2020).text == entry.summary


@saved
def test_saved_works():
    source = CrossrefSource(kind="crossref", issn="1234-5678")
    works = []
    for path in sorted(Path(FIXTURES, "crossref").glob("*.json")):
        message = json.loads(path.read_text(encoding="utf-8"))["message"]
        works += [work for work in message.get("items", [message]) if "type" in work]
    documents, rejections = split(crossref._document(work, source, 2020, True) for work in works)
    assert len(works) > 40 and all(item.reason for item in rejections)
    assert sum(bool(item.text) for item in documents) > 10
    for item in documents:
        assert item.title and "<" not in item.title
        assert item.url == f"https://doi.org/{item.doi}"
    assert all(1600 < (crossref._year(work) or 2000) < 2100 for work in works)

    work = json.loads(Path(FIXTURES, "openalex/work.json").read_text(encoding="utf-8"))
    found = openalex._document(work, work["publication_year"])
    assert (found.doi, found.url) == ("10.7717/peerj.4375", "https://doi.org/10.7717/peerj.4375")
    assert found.text.startswith("Despite growing interest in Open Access (OA) to scholarly liter")
    assert len(found.text.split()) == sum(map(len, work["abstract_inverted_index"].values()))


@saved
def test_saved_papers():
    papers = []
    for path in sorted(Path(FIXTURES, "semanticscholar").glob("*.yaml")):
        for interaction in yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]:
            answer = json.loads(interaction["response"]["body"]["string"])
            found = answer.get("data", [answer]) if isinstance(answer, dict) else answer
            papers += [paper for paper in found if paper]
    assert len(papers) > 100
    documents, _ = split(
        semantic_scholar._document(paper, paper.get("year") or 2020) for paper in papers
    )
    with_text = {item.doi for item in documents if item.text and item.found_by == "listing"}
    assert with_text >= {"10.2139/ssrn.288970", "10.2139/ssrn.2250500"}
