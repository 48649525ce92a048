"""Pairs written by rules."""

import pytest

from papertune.demo.papers import papers
from papertune.generators.rules import GAP, pairs_about
from papertune.records import Document
from papertune.sentences import sentences

# written for this test, in the manner of theory and systems abstracts
REAL = """We study the problem of online matching with delays, where requests arrive over time.
We propose a simple randomized algorithm that waits before it commits. In contrast to prior work
(e.g., greedy rules), the method reduces total cost by 37% on taxi data. Our algorithm achieves a
competitive ratio of O(log n) under adversarial arrivals. The key idea is a hierarchical clustering
of the metric space. We show that no deterministic rule can do better than linear."""


def document(text: str, key: str = "0123456789abcdef") -> Document:
    return Document(id=key, title="A title", url="https://example.org/1", year=2020, text=text)


def pairs_of(text: str, style: str, count: int = 9) -> dict[str, str]:
    return dict(pairs_about(document(" ".join(text.split())), style, count))


def test_extractive_asks_what_the_text_answers():
    pairs = pairs_of(REAL, "extractive")
    assert pairs["By how much is total cost reduced?"] == "37%"
    assert pairs["What do the authors study?"] == "the problem of online matching with delays"
    assert pairs["What do the authors propose?"] == "a simple randomized algorithm"
    assert pairs["What is the key idea?"] == "a hierarchical clustering of the metric space"


def test_cloze_is_another_kind_of_question():
    cloze = pairs_of(REAL, "cloze")
    assert cloze and all(GAP in question for question in cloze)
    for question, answer in cloze.items():
        filled = question.removeprefix("Fill in the gap: ").replace(GAP, answer)
        assert filled.strip("… ") in " ".join(REAL.split())
    assert not set(cloze) & set(pairs_of(REAL, "extractive"))


@pytest.mark.parametrize("style", ["extractive", "cloze"])
def test_promises_hold_for_every_demo_paper(style):
    for year in range(2005, 2025):
        for paper in papers(year, 12, 1):
            pairs = pairs_about(document(paper.abstract, paper.key), style, 3)
            assert len(pairs) == 3
            assert pairs == pairs_about(document(paper.abstract, paper.key), style, 3)
            check_promises(paper.abstract, pairs)


def check_promises(text, pairs):
    for question, answer in pairs:
        assert answer in text
        assert answer.lower() not in question.lower()
    assert len({question for question, _ in pairs}) == len(pairs)
    assert len({answer.lower() for _, answer in pairs}) == len(pairs)


@pytest.mark.parametrize("style", ["extractive", "cloze"])
def test_odd_texts_give_few_pairs_and_no_failure(style):
    for text in ("", "Short.", "x" * 5000, "a " * 5000, "!?.,;" * 500, "$$\\x{"):
        pairs = pairs_about(document(text), style, 3)
        check_promises(text, pairs)
        assert len(pairs) <= 3


def test_sentences_are_not_cut_at_abbreviations():
    parts = ["We follow Smith et al. (2011), i.e. the first.", "Then J. Doe won.", "Is it?", "Yes."]
    assert sentences(" ".join(parts)) == parts
