"""What is taken of the answers of arXiv, Crossref, OpenAlex and Semantic Scholar, saved ones too."""

import json
import os
from pathlib import Path

import pytest
import yaml

from listed import split
from papertune.collect.identifiers import host_of
from papertune.collect.listings import arxiv, crossref, dblp, openalex, semantic_scholar
from papertune.study.settings.scholarly import ArxivSource

DATES = "submittedDate:[202001010000 TO 202012312359]"
ELIDED = "abstract has been elided by the publisher, and find much to say about that."


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


def said(summary, comment=""):
    work = {"id": "", "title": "T", "summary": summary, "comment": comment, "published": ""}
    return arxiv, {**work, "doi": ""}, "reason"


def indexed(index):
    """A text, or an index of words."""
    if isinstance(index, str):
        index = {word: [place] for place, word in enumerate(index.split())}
    return openalex, {"abstract_inverted_index": index}, "text"


@pytest.mark.parametrize(
    ("module", "work", "name", "taken"),
    [
        (*said("This paper has been withdrawn by the author due to an error."), "withdrawn"),
        (*said("This submission has been withdrawn."), "withdrawn"),
        (*said("The manuscript was withdrawn because of an error in the data."), "withdrawn"),
        (*said("Withdrawn: see the comment."), "withdrawn"),
        (*said("arXiv admin note: this article has been withdrawn by arXiv"), "withdrawn"),
        (*said("We show how it is.", "This paper has been withdrawn by the authors"), "withdrawn"),
        (*said("We study papers that have been withdrawn from journals."), ""),
        (*said("This paper studies why drugs are withdrawn.", "8 pages"), ""),
        (*said("One arm closed early because the drug was withdrawn from sale."), ""),
        (crossref, {"title": ["One &amp; <i>Two</i>"], "subtitle": []}, "titles", ["One & Two"]),
        (crossref, {"title": ["One:"], "subtitle": ["Two"]}, "titles", ["One:", "One: Two"]),
        (crossref, {"title": ["One: two"], "subtitle": ["Two"]}, "titles", ["One: two"]),
        (crossref, {"title": [], "subtitle": ["Two"]}, "titles", [""]),
        (crossref, {"title": None}, "titles", [""]),
        (crossref, {"issued": {"date-parts": [[2020, 3, 1]]}}, "year", 2020),
        (crossref, {"issued": {"date-parts": [[None]]}}, "year", None),
        (crossref, {"issued": {"date-parts": [[]]}}, "year", None),
        (crossref, {"issued": {"date-parts": None}}, "year", None),
        # the words come in the order of their places
        (*indexed({"the": [0, 3], "cache": [1, 4], "reads": [2]}), "the cache reads the cache"),
        (*indexed({"b": [10], "a": [2], "c": [1_000_000_000]}), "a b c"),
        (*indexed({"a": [0], "b": "1", "c": [None, 2.5, 1]}), "a c"),
        (*indexed({"a": [1], "b": [1]}), "a b"),
        (*indexed(None), ""),
        (*indexed([]), ""),
        # what publishers left in them
        (*indexed("Abstract Caches forget what they read"), "Caches forget what they read"),
        (*indexed("ABSTRACT Caches forget"), "Caches forget"),
        (*indexed("Abstract: caches forget"), "caches forget"),
        (*indexed("Abstract Background Caches forget"), "Background Caches forget"),
        (*indexed("Abstract State Machines forget"), "Abstract State Machines forget"),
        (*indexed("Abstract interpretation forgets"), "Abstract interpretation forgets"),
        (*indexed("<jats:p>Caches <jats:italic>forget</jats:italic></jats:p>"), "Caches forget"),
        (*indexed(r"\documentclass[12pt]{minimal} \begin{document}$$n$$\end{document}"), "$$n$$"),
        (semantic_scholar, {"abstract": "We <i>show</i> &amp; tell."}, "text", "We show & tell."),
        (semantic_scholar, {"abstract": "Abstract. We show."}, "text", "We show."),
        (semantic_scholar, {"abstract": None, "tldr": {"text": "no"}}, "text", ""),
        (semantic_scholar, {"abstract": f"Notice: This paper's {ELIDED}"}, "text", ""),
        (semantic_scholar, {"abstract": f"We ask why {ELIDED}"}, "text", f"We ask why {ELIDED}"),
    ],
)
def test_what_is_taken_of_a_work(module, work, name, taken):
    assert getattr(module.SERVICE.paper(work), name) == taken


# ---- saved answers, where there are some ------------------------------------------------------

FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")
saved = pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of answers")


def answers(pattern):
    for path in sorted(Path(FIXTURES).glob(pattern)):
        text = path.read_text(encoding="utf-8")
        yield yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)


@saved
def test_saved_answers_of_arxiv_and_dblp():
    feeds = [arxiv.SERVICE.read(answer["body"]) for answer in answers("arxiv/*.json")]
    assert [feed["error"] for feed in feeds if feed["error"]] == ["incorrect id format for abc"]
    found = {int(feed["total"]): feed["works"] for feed in feeds if not feed["error"]}
    assert found[0] == [] and sorted(map(len, found.values())) == [0, 1, 10]
    papers = [arxiv.SERVICE.paper(work) for works in found.values() for work in works]
    assert "1605.08386" in {paper.key for paper in papers}
    for paper in papers:
        assert paper.titles[0] and not paper.reason
        assert len(paper.text) > 300 and paper.item(int(paper.year)).text == paper.text

    text = Path(FIXTURES, "dblp/search-api.json").read_text(encoding="utf-8")
    hits = dblp.SEARCH.read(text)["works"]
    items = split(dblp._from_hit(hit, int(hit["info"]["year"])) for hit in hits)[0]
    assert len(hits) == len(items) == 30
    assert all(host_of(item.url) and not item.title.endswith(".") for item in items)


@saved
def test_saved_works():
    works = []
    for answer in answers("crossref/*.json"):
        message = answer["message"]
        works += [work for work in message.get("items", [message]) if "type" in work]
    papers = [crossref.SERVICE.paper(work) for work in works]
    documents, rejections = split(paper.item(paper.year) for paper in papers)
    assert len(works) > 40 and all(item.reason for item in rejections)
    assert sum(bool(item.text) for item in documents) > 10
    for item in documents:
        assert item.title and "<" not in item.title
        assert item.url == f"https://doi.org/{item.doi}"
    assert all(1600 < (paper.year or 2000) < 2100 for paper in papers)

    [work] = answers("openalex/work.json")
    found = openalex.SERVICE.paper(work)
    assert (found.doi, found.url) == ("10.7717/peerj.4375", "https://doi.org/10.7717/peerj.4375")
    assert found.text.startswith("Despite growing interest in Open Access (OA) to scholarly liter")
    assert len(found.text.split()) == sum(map(len, work["abstract_inverted_index"].values()))

    papers = []
    for recorded in answers("semanticscholar/*.yaml"):
        for interaction in recorded["interactions"]:
            answer = json.loads(interaction["response"]["body"]["string"])
            found = answer.get("data", [answer]) if isinstance(answer, dict) else answer
            papers += [semantic_scholar.SERVICE.paper(paper) for paper in found if paper]
    assert len(papers) > 100
    documents, _ = split(paper.item(paper.year or 2020) for paper in papers)
    with_text = {item.doi for item in documents if item.text and item.found_by == "listing"}
    assert with_text >= {"10.2139/ssrn.288970", "10.2139/ssrn.2250500"}
