"""Promise: questions about training documents are held out, or are training questions."""

import csv

import pytest

from end_to_end.conftest import FilesStudy
from papertune.pairfile import read_pairs
from papertune.records import Answer, Rejection, read_records

pytestmark = pytest.mark.slow

SETS = {
    "cloze": {},
    "extractive": {},
    "closed": {"generator": "extractive", "book": "closed"},
    "known": {"generator": "extractive", "documents": "train"},
    "known-closed": {"generator": "extractive", "documents": "train", "book": "closed"},
    "others-known": {"generator": "cloze", "documents": "train", "most": 3},
    "recall": {"generator": "extractive", "documents": "train", "questions": "trained", "most": 4},
}


def held_out(values):
    values["splits"]["held_out"] = 0.4
    values["test_sets"] = SETS


def pairs_of(study: FilesStudy, name: str) -> dict[str, str]:
    """Pair → document."""
    path = study.folder / "results/mine" / f"{name}.parquet"
    return {pair.id: pair.document for pair in read_pairs(path)}


def answered(study: FilesStudy, model: str, test_set: str) -> list[Answer]:
    path = study.folder / f"results/mine/answers/{model}/{test_set}.jsonl"
    return list(read_records(path, Answer))


def test_what_is_asked_about_trained_documents_trained_nothing_or_all_of_it(study):
    before = pairs_of(study, "datasets/extractive/train")
    study.change(held_out)
    study.run()
    assert "asked 0 documents" in study.log("datasets/extractive/held_out")  # the store has them
    train, held, every = (
        pairs_of(study, f"datasets/extractive/{name}") for name in ("train", "held_out", "test")
    )
    assert train | held == before and not train.keys() & held.keys() and train and held
    assert not {*held.values()} & {*every.values()}
    known, recall = (answered(study, "lora/seed-1", name) for name in ("known", "recall"))
    assert {one.pair for one in known} == {*held}
    assert len(recall) == 4 and {one.pair for one in recall} <= {*train}
    # the other writer's pairs train nothing: all of them may be asked
    others = pairs_of(study, "datasets/cloze/held_out")
    asked = {one.pair for one in answered(study, "lora/seed-1", "others-known")}
    assert len(asked) == 3 and asked < {*others} and not {*others} & {*train}
    # the same questions with the text and without it: other prompts, so other likelihoods
    with_text, without = (answered(study, "lora/seed-1", n) for n in ("known", "known-closed"))
    assert [one.pair for one in with_text] == [one.pair for one in without]
    assert [one.reference_nll for one in with_text] != [one.reference_nll for one in without]
    page = (study.folder / "results/mine/report.html").read_text()
    assert "With and without the text" in page and "no item was dropped in silence" in page
    tables = study.folder / "results/mine/tables"
    with (tables / "knowledge.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 5 * len({row["Model"] for row in rows})  # of five kinds of question
    # claims rest on documents that no model saw
    assert "trained papers" not in (tables / "matrix.txt").read_text()


def test_a_document_whose_pairs_are_all_on_one_side_is_accounted_for(study):
    study.change(held_out)
    study.run("--", "datasets")
    for split, other in (("train", "held_out"), ("held_out", "train")):
        rejected = study.folder / f"results/mine/rejected/pairs/extractive/{split}.jsonl"
        missing = {
            one.key
            for one in read_records(rejected, Rejection)
            if one.reason == "on_the_other_side"
        }
        here, there = (
            {*pairs_of(study, f"datasets/extractive/{name}").values()} for name in (split, other)
        )
        assert missing == there - here
