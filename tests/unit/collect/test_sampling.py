"""Samples by category, and the message where there are fewer documents."""

import json
import logging

import pytest

from papertune.collect.sampling import lacking, until_enough
from papertune.collect.steps import fetch_documents, list_documents, render_documents
from papertune.identity import share
from papertune.pairfile import write_pairs
from papertune.records import Document, Rejection, read_records, write_records
from papertune.report.counts import count_stages, problems, read_counts, total
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.settings import Fetching
from papertune.study.splits import chooser


def papers(many: int, category: str) -> list[Document]:
    names = (f"{category}-{number}" for number in range(many))
    return [Document(name, name, name, 0, category=category) for name in names]


def take(documents: list[Document], sample: int, without: set[str] = frozenset()):
    """Ids of those that have a text, and all that were asked for."""
    asked: list[str] = []

    def find(batch: list[Document]) -> list[Document]:
        asked.extend(one.id for one in batch)
        return batch

    seen = until_enough(documents, sample, find, lambda one: one.id not in without, "category")
    assert len(set(asked)) == len(asked) == len(seen)
    return {one.id for one in seen} - without, set(asked)


def in_order(documents: list[Document]) -> list[str]:
    return sorted((one.id for one in documents), key=lambda key: share(key, "sample"))


def test_of_each_category_the_first_are_taken_and_another_category_displaces_none():
    vision, speech, few = papers(20, "vision"), papers(9, "speech"), papers(1, "few")
    order, other = in_order(vision), in_order(speech)
    taken, asked = take([*vision, *speech, *few], 2)
    assert taken == asked == {*order[:2], *other[:2], "few-0"}
    assert take([*vision, *few], 2)[0] == {*order[:2], "few-0"}
    # what has no text is replaced by the next of its category
    taken, asked = take([*vision, *speech], 2, {order[0], order[2]})
    assert taken == {order[1], order[3], *other[:2]} and asked == {*order[:4], *other[:2]}
    # a larger sample holds the smaller one
    assert taken < take([*vision, *speech], 3, {order[0], order[2]})[0]


def test_what_a_category_lacks_is_counted():
    found = [*papers(2, "vision"), *papers(1, "speech")]
    assert lacking(["vision", "speech", "text"], found, 2) == {"speech": 1, "text": 2}


SIDES = {"test": 0.5, "sample": {"train": 2, "test": 2, "of": "category"}}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Papers of a table with a column of categories; of `lonely` there is one."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"title": f"{topic} {n}", "paper_url": f"https://a.example/{topic}/{n}", "abstract": "We."}
        | {"Topic": topic}
        for topic, many in (("vision", 12), ("speech  systems", 12), ("lonely", 1))
        for n in range(many)
    ]
    (tmp_path / "papers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"kind": "files", "path": "papers.jsonl", "columns": {"category": "topic"}}
    values = {
        **{"source": source, "splits": SIDES, "bases": {"a": {"path": "a"}}},
        "generators": {"rules": {"backend": "rules", "style": "cloze"}},
        "models": {"base": {"base": "a", "method": "baseline"}},
    }
    return Layout("own", Experiment.model_validate(values), results=str(tmp_path / "results"))


def collect(layout: Layout, part: str) -> tuple[list[Document], list[Rejection]]:
    study = layout.experiment
    names = ("listings", "rejected/listings", "fetched", "documents", "missing")
    listing, rejected, fetched, documents, missing = (layout.by_year(name)[part] for name in names)
    of = {"sample": study.sample_of(part), "of": study.splits.sample.of}
    kept = {"store": "store", "cache": "cache"}
    fetching = Fetching(resolvers=["landing"])
    mine = chooser(part, study.splits)
    list_documents(
        *(study.source, fetching, part),
        **{"output": listing, "rejected": rejected, "cache": "cache", "mine": mine},
    )
    fetch_documents(study.source, fetching, listing=listing, output=fetched, **kept, **of)
    render_documents(
        *(study.source, fetching),
        **{"listing": listing, "fetched": fetched, "output": documents, "missing": missing},
        **kept,
        **of,
    )
    return list(read_records(documents, Document)), list(read_records(missing, Rejection))


def test_both_sides_have_so_many_of_each_category_and_counts_say_which_have_fewer(study, caplog):
    caplog.set_level(logging.WARNING)
    for part in ("train", "test"):
        found, missing = collect(study, part)
        names = [one.category for one in found]
        assert names.count("vision") == names.count("speech systems") == 2
        listed = list(read_records(study.by_year("listings")[part], Document))
        assert len(found) + len(missing) == len(listed)
    assert "lonely: 1 of 2" in caplog.text
    for files in (study.left_out(), study.by_split("rejected/pairs")):
        for path in files.values():
            write_records(path, [])
    for path in study.by_split("datasets").values():
        write_pairs(path, [])
    for path in (*study.by_cell("answers").values(), *study.by_cell("scores").values()):
        write_records(path, [])
    caplog.clear()
    rows = count_stages(study, "counts.csv")
    assert all(f"{part}: " in caplog.text for part in ("train", "test"))  # which has none, too
    assert "too few of lonely" in caplog.text
    assert read_counts("counts.csv") == rows
    lacks = {(row.part, row.reason): row.count for row in rows if row.outcome == "lacking"}
    assert {name for _, name in lacks} == {"lonely"} and sorted(lacks.values()) == [1, 2]
    assert not [one for one in problems(rows, study.experiment) if "missing" in one]
    assert total(rows, "collect", part="train") == total(rows, "list", part="train")


def test_one_more_paper_leaves_the_others_on_their_sides(study):
    before = {part: {one.id for one in collect(study, part)[0]} for part in ("train", "test")}
    with open("papers.jsonl", "a") as stream:
        row = {"title": "n", "paper_url": "https://a.example/n", "abstract": "We.", "topic": "new"}
        stream.write(json.dumps(row) + "\n")
    after = {part: {one.id for one in collect(study, part)[0]} for part in ("train", "test")}
    new = {part: after[part] - before[part] for part in before}
    assert sum(map(len, new.values())) == 1 and all(before[part] <= after[part] for part in before)
