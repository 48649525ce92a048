"""Suspicious documents stay, are reported, and can be left out of the matrix."""

import random

import pytest

from papertune.leakage.suspects import find_suspects
from papertune.records import Document, Suspect, read_records, write_records
from papertune.scores.scoring import Embeddings
from papertune.study.settings import Embedder, Splits
from papertune.study.splits import SplitOf
from time_limit import at_most

SPLITS = Splits(train={"from": 2000, "to": 2009}, test={"from": 2010, "to": 2019}, validation=0.3)
WORDS = [a + b + c for a in "bdfgkl" for b in "aeiou" for c in ("n", "rt", "ss")]


def prose(seed, count=80):
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def document(name, text, year):
    return Document(name, f"On {name}", f"https://venue.example/{name}", year, text)


@pytest.fixture
def suspects(tmp_path):
    def run(documents, embeddings=None, taken_out=()):
        path, output = tmp_path / "documents.jsonl", tmp_path / "suspects.jsonl"
        write_records(path, documents)
        find_suspects(
            documents=[path],
            mine=SplitOf.of("test", SPLITS),
            taken_out=taken_out,
            training=[path],
            theirs=[SplitOf.of(one, SPLITS) for one in ("train", "validation")],
            corpora=[],
            output=output,
            embeddings=embeddings,
        )
        return list(read_records(output, Suspect))

    return run


def test_a_shared_run_of_13_words_is_suspicious_but_a_phrase_of_the_field_is_not(suspects):
    quote, phrase = prose(1, 14), prose(2, 15)
    trains = [document("quoted", f"{prose(3)} {quote} {prose(4)}", 2001)]
    trains += [document(f"t{n}", f"{phrase} {prose(10 + n)}", 2002) for n in range(11)]
    tests = [
        document("quotes", f"{quote} {prose(5)}", 2011),
        document("usual", f"{phrase} {prose(6)}", 2011),
        document("short", " ".join(quote.split()[:12]), 2011),
        document("gone", f"{quote} {prose(7)}", 2011),
    ]
    [found] = suspects(trains + tests, taken_out={"gone"})
    assert (found.document, found.reason) == ("quotes", "shared_13_grams")
    assert found.share == pytest.approx(2 / 82)
    assert "2 runs of 13 words" in found.detail and "On quoted" in found.detail


def test_a_near_neighbour_is_suspicious(suspects, tmp_path):
    """With the embedder that comes along; its vectors come from the store the second time."""
    trains = [document("a", "The cat sat on the mat in the warm sun.", 2001)]
    tests = [
        document("b", "A cat sat on a mat in the warm sun.", 2011),
        document("c", "Interest rates of the central bank rose sharply.", 2011),
    ]
    made = []
    opened = lambda: made.append(Embeddings(Embedder(), tmp_path / "store")) or made[-1]  # noqa: E731
    found = suspects(trains + tests, opened)
    assert [(one.document, one.reason) for one in found] == [("b", "neighbour")]
    assert found[0].share > 0.9 and "On a" in found[0].detail
    assert suspects(trains + tests, opened) == found
    assert made[0]._model is not None and made[1]._model is None


def test_nearest_texts_are_found_as_one_by_one_in_seconds(suspects, tmp_path):
    """Blank ones are near nothing; of equally near ones the first is named; 4 million cosines."""
    said = [prose(seed, 6) for seed in range(40)]
    trains = [document(f"a{n}", said[n % 40], 2001) for n in range(2000)]
    tests = [document(f"b{n}", said[n % 40] + " bar" * (n % 3), 2011) for n in range(2000)]
    opened = Embeddings(Embedder(), tmp_path / "store")
    with at_most(20):
        found = suspects([*trains, *tests, document("blank", " ", 2011)], lambda: opened)
    near = {one.document: one for one in found if one.reason == "neighbour"}
    opened.load([one.text for one in (*trains[:40], *tests[:120])])
    for one in tests[:120]:
        cosines = [opened.cosine(one.text, other.text) for other in trains[:40]]
        best = max(cosines)
        assert (one.id in near) == (best >= 0.9)
        if one.id in near:
            assert near[one.id].share == pytest.approx(best, abs=1e-6)
            assert f"“On a{cosines.index(best)}”" in near[one.id].detail
    assert "blank" not in near and len(near) > 600
