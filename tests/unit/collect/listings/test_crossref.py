"""Crossref's works: titles, years, venues; and saved answers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from papertune.collect.identifiers import doi_of
from papertune.collect.listings import crossref
from papertune.records import Document
from papertune.study.settings.scholarly import CrossrefSource


@pytest.mark.parametrize(
    ("work", "titles"),
    [
        ({"title": ["One &amp; <i>Two</i>"], "subtitle": []}, ["One & Two"]),
        ({"title": ["One:"], "subtitle": ["Two"]}, ["One:", "One: Two"]),
        ({"title": ["One: two"], "subtitle": ["Two"]}, ["One: two"]),
        ({"title": [], "subtitle": ["Two"]}, []),
        ({"title": None}, []),
        ({}, []),
    ],
)
def test_titles(work, titles):
    assert crossref._titles(work) == titles


@pytest.mark.parametrize(
    ("issued", "year"),
    [
        ({"date-parts": [[2020, 3, 1]]}, 2020),
        ({"date-parts": [["2020"]]}, 2020),
        ({"date-parts": [[None]]}, None),
        ({"date-parts": [[]]}, None),
        ({"date-parts": []}, None),
        (None, None),
    ],
)
def test_years(issued, year):
    assert crossref._year({"issued": issued}) == year


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
def test_venues(work, named, whole, fits):
    assert crossref._is_of(work, named, exactly=whole) is fits


FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved answers")
def test_saved_works():
    source = CrossrefSource(kind="crossref", issn="1234-5678")
    seen, texts = [], 0
    for path in sorted(Path(FIXTURES, "crossref").glob("*.json")):
        message = json.loads(path.read_text(encoding="utf-8"))["message"]
        for work in message.get("items", [message]):
            if "type" not in work:
                continue
            item = crossref._document(work, source, 2020, mine=True)
            if isinstance(item, Document):
                assert item.title and "<" not in item.title
                assert doi_of(item.doi) == item.doi
                assert item.url == f"https://doi.org/{item.doi}"
                assert crossref._year(work) is None or 1600 < crossref._year(work) < 2100
                texts += bool(item.text)
            else:
                assert item.reason
            seen.append(item)
    assert len(seen) > 40
    assert texts > 10
