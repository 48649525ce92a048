"""What is read from replies of arXiv, Crossref, OpenAlex and Semantic Scholar, also saved ones."""

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
def test_saved_answers():
    feeds = [arxiv.SERVICE.read(answer["body"]) for answer in answers("arxiv/*.json")]
    assert [feed["error"] for feed in feeds if feed["error"]] == ["incorrect id format for abc"]
    assert sorted(len(feed["works"]) for feed in feeds if not feed["error"]) == [0, 1, 10]
    crossrefs = [answer["message"] for answer in answers("crossref/*.json")]
    recorded = [
        one for answer in answers("semanticscholar/*.yaml") for one in answer["interactions"]
    ]
    bodies = [json.loads(one["response"]["body"]["string"]) for one in recorded]
    works = {
        arxiv: [feed["works"] for feed in feeds if not feed["error"]],
        crossref: [message.get("items", [message]) for message in crossrefs],
        openalex: [[*answers("openalex/work.json")]],
        semantic_scholar: [x.get("data", [x]) if isinstance(x, dict) else x for x in bodies],
    }
    texts = {}
    for module, answered in works.items():
        papers = [module.SERVICE.paper(work) for found in answered for work in found if work]
        documents = split(paper.item(int(paper.year or 2020)) for paper in papers)[0]
        assert all(one.title and "<" not in one.title and host_of(one.url) for one in documents)
        texts[module] = {one.doi or one.url: one.text for one in documents if one.text}
    assert len(texts[arxiv]) == 11 and "10.48550/arxiv.1605.08386" in texts[arxiv]
    assert len(texts[crossref]) > 10
    assert texts[openalex]["10.7717/peerj.4375"].startswith("Despite growing interest in Open Acce")
    assert {"10.2139/ssrn.288970", "10.2139/ssrn.2250500"} <= set(texts[semantic_scholar])
    text = Path(FIXTURES, "dblp/search-api.json").read_text(encoding="utf-8")
    hits = dblp.SEARCH.read(text)["works"]
    items = split(dblp._from_hit(hit, int(hit["info"]["year"])) for hit in hits)[0]
    assert len(hits) == len(items) == 30
