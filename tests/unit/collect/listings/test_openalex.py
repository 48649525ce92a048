"""OpenAlex's inverted abstracts and settings, and a saved work."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from papertune.collect.listings import openalex
from papertune.collect.listings.openalex import abstract_of


def test_words_come_in_the_order_of_their_places():
    index = {"the": [0, 3], "cache": [1, 4], "reads": [2], "again.": [5]}
    assert abstract_of({"abstract_inverted_index": index}) == "the cache reads the cache again."


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ({"b": [10], "a": [2], "c": [1_000_000_000]}, "a b c"),
        ({"a": [0], "b": "1", "c": [None, 2.5, 1]}, "a c"),
        ({"a": [1], "b": [1]}, "a b"),
        ({}, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_gaps_and_rubbish(index, text):
    assert abstract_of({"abstract_inverted_index": index}) == text


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
def test_what_publishers_left_in_the_words(said, text):
    index = {}
    for place, word in enumerate(said.split()):
        index.setdefault(word, []).append(place)
    assert abstract_of({"abstract_inverted_index": index}) == text


FIXTURES = os.environ.get("PAPERTUNE_FIXTURES", "")


@pytest.mark.skipif(not FIXTURES, reason="PAPERTUNE_FIXTURES names no folder of saved answers")
def test_a_saved_work():
    work = json.loads((Path(FIXTURES) / "openalex/work.json").read_text(encoding="utf-8"))
    text = abstract_of(work)
    assert text.startswith("Despite growing interest in Open Access (OA) to scholarly literature,")
    assert text.endswith("practice.")
    assert len(text.split()) == sum(map(len, work["abstract_inverted_index"].values()))
    found = openalex._document(work, work["publication_year"])
    assert (found.doi, found.url, found.text) == (
        "10.7717/peerj.4375",
        "https://doi.org/10.7717/peerj.4375",
        text,
    )
