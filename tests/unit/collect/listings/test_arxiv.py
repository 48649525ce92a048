"""arXiv's identifiers and queries, and saved answers of its API."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from papertune.collect.listings import arxiv
from papertune.collect.listings.arxiv import Entry
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.study.settings import Fetching
from papertune.study.settings.scholarly import ArxivSource


@pytest.mark.parametrize(
    ("how", "query"),
    [
        ({"category": "cs.AR"}, "cat:cs.AR AND submittedDate:[202001010000 TO 202012312359]"),
        (
            {"query": "ti:a OR ti:b"},
            "(ti:a OR ti:b) AND submittedDate:[202001010000 TO 202012312359]",
        ),
        ({"query": 'jr:"ISCA {year}"'}, 'jr:"ISCA 2020"'),
        ({"query": "ti:a OR jr:{year}", "category": "hep-th"}, "cat:hep-th AND (ti:a OR jr:2020)"),
    ],
)
def test_the_query_of_a_year(how, query):
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
    assert Entry("2202.12139", "T", summary, comment, 2022, "").withdrawn is gone


# ---- saved answers, where there are some ------------------------------------------------------

FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved answers")
def test_saved_answers_are_read(tmp_path):
    found = {}
    session = PoliteSession(Fetching(), tmp_path)
    for path in sorted(Path(FIXTURES, "arxiv").glob("*.json")):
        saved = json.loads(path.read_text(encoding="utf-8"))
        url = saved["url"]
        session.cache.write(Page(url, url, "application/atom+xml", saved["body"]))
        try:
            entries, total = arxiv._feed(session, url, False)
        except PageError as error:
            found["error"] = error.what
            continue
        found[total if total < 2 else "many"] = entries
    assert "incorrect id format" in found["error"]
    assert found[0] == []
    assert [entry.id for entry in found[1]] == ["1605.08386"]
    assert len(found["many"]) == 10
    for entry in [*found[1], *found["many"]]:
        assert entry.title
        assert len(entry.summary) > 300
        assert entry.year
        assert not entry.withdrawn
        assert arxiv._document(entry, 2020).text == entry.summary
