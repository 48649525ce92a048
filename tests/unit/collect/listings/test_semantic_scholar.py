"""Saved answers of Semantic Scholar, and its settings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from papertune.collect.listings import semantic_scholar
from papertune.records import Document

FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")


@pytest.mark.parametrize(
    ("abstract", "text"),
    [
        ("We <i>show</i> &amp; tell.", "We show & tell."),
        ("Abstract. We show.", "We show."),
        (None, ""),
        ("Notice: This paper's abstract has been elided by the publisher. Ask there.", ""),
        (
            "We ask why an abstract has been elided by the publisher of it, and find much to say "
            "about that in this paper.",
            "We ask why an abstract has been elided by the publisher of "
            "it, and find much to say about that in this paper.",
        ),
    ],
)
def test_abstracts(abstract, text):
    assert semantic_scholar._abstract({"abstract": abstract, "tldr": {"text": "no"}}) == text


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved answers")
def test_saved_papers():
    papers = []
    for path in sorted(Path(FIXTURES, "semanticscholar").glob("*.yaml")):
        for interaction in yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]:
            answer = json.loads(interaction["response"]["body"]["string"])
            found = answer.get("data", [answer]) if isinstance(answer, dict) else answer
            papers += [paper for paper in found if paper]
    items = [semantic_scholar._document(paper, paper.get("year") or 2020) for paper in papers]
    assert len(items) > 100
    with_text = [item for item in items if isinstance(item, Document) and item.text]
    assert {item.doi for item in with_text} >= {"10.2139/ssrn.288970", "10.2139/ssrn.2250500"}
    assert all(item.found_by == "listing" for item in with_text)
