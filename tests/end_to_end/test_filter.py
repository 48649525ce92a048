"""A study with a filter, run as a user does: learned, shown, loaded, and not made again."""

import json

import pytest

from end_to_end.conftest import row
from papertune.demo.papers import papers
from papertune.filter.load import Filter
from papertune.filter.questions import Judged
from papertune.pairfile import read_pairs
from papertune.records import Rejection, read_records
from snakemake_run import job_counts

pytestmark = pytest.mark.slow

FILTER = {"against": {"kind": "table", "path": "data/others.jsonl"}, "precision": 0.8}


def with_filter(values):
    values["filter"] = FILTER


def test_a_filter_is_learned_of_training_questions_and_trains_no_model(study):
    study.write({year: [row(paper) for paper in papers(year, 9, 1)] for year in (2019, 2020)})
    study.run()
    others = [f"Who was king of country {n} in {1000 + 3 * n}?" for n in range(40)]
    lines = [json.dumps({"question": one}) for one in others]
    (study.folder / "data/others.jsonl").write_text("\n".join([*lines, lines[0], "[]"]) + "\n")
    study.change(with_filter)
    made = job_counts(study.run())
    assert "learn_filter" in made and not {"train", "answer"} & {*made}
    results = study.folder / "results/mine"
    pairs = {pair.id for pair in read_pairs(results / "datasets/extractive/train.parquet")}
    judged = list(read_records(results / "filter/judged.jsonl", Judged))
    rejected = {
        name: list(read_records(results / f"rejected/filter/{name}.jsonl", Rejection))
        for name in ("unrelated", "questions")
    }
    assert [one.reason for one in rejected["unrelated"]] == ["bad_row"]
    left = {one.key for one in rejected["questions"]}
    assert {one.id for one in judged if one.related} == pairs - left
    assert len(judged) + sum(map(len, rejected.values())) == len(pairs) + len(others) + 2
    chosen = Filter.load(results / "filter")
    assert chosen.related(["Who was king of country 7 in 1500?"]) == [False]
    page = (results / "report.html").read_text()
    assert 'id="filter"' in page and "no item was dropped in silence" in page
    assert "Nothing to be done" in study.run()
    before = (results / "filter/filter.safetensors").read_bytes()
    study.change(lambda values: values["filter"].update(precision=0.7))
    jobs = job_counts(study.run("-n"))
    assert jobs["learn_filter"] == 1 and {"list_unrelated", "train", "answer"}.isdisjoint(jobs)
    study.run("--", "results/mine/filter/filter.json")
    assert (results / "filter/filter.safetensors").read_bytes() == before
