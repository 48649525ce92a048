"""A study of programs, run as a user does: HumanEval's problems, drawn answers, programs that are run."""

import csv
import json

import pytest

from end_to_end.conftest import small_study, write_study
from papertune.records import Answer, Score, read_records
from papertune.sandbox.run import way
from snakemake_run import job_counts, snakemake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        way() == "none", reason="neither bubblewrap nor unshare keeps programs apart here"
    ),
]


def programs_study():
    values = small_study()
    pretrain = values["bases"]["small"]["pretrain"]
    pretrain["corpus"] = {"documents": "recall"}
    pretrain["training"]["max_steps"] = values["training"]["max_steps"] = 3
    del values["models"]["full"]
    values.update(
        source={"kind": "human_eval", "limit": 48},
        splits={"test": 0.3, "validation": 0.2},
        generators={"own": {"backend": "source", "label": "HumanEval"}},
        answering={"max_new_tokens": 16, "temperature": 0.8, "samples": 2},
        metrics=["pass@1", "token_f1"],
        comparison={"metric": "pass@1"},
    )
    values.pop("test_sets", None)
    values.pop("dataset", None)
    return values


def test_programs_are_run_and_shown(tmp_path):
    values = programs_study()
    path = write_study(tmp_path, values)
    named = ("--config", f"experiments={path}")
    snakemake(tmp_path, *named)
    results = tmp_path / "results/small"
    answers = list(read_records(results / "answers/lora/seed-1/own.jsonl", Answer))
    scores = list(read_records(results / "scores/lora/seed-1/own.jsonl", Score))
    assert len(answers) == len(scores) > 5
    assert all(len(one.samples) == 2 and one.samples[0] == one.text for one in answers)
    assert all("def check(" in one.check and one.entry_point for one in answers)
    # each problem's own reference passes: else it would not be scored
    assert all(score.values["pass@1"] is not None for score in scores)
    with (results / "tables/programs.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["Test set"] for row in rows} == {"HumanEval"} and len(rows) == 2
    assert {row["Problems"] for row in rows} == {str(len(answers))}
    page = (results / "report.html").read_text()
    assert 'id="programs"' in page and "pass@1" in page
    ends = [
        json.loads(line)["value"]
        for store in (tmp_path / "store/run").glob("*/*.jsonl")
        for line in store.read_text().splitlines()
    ]
    assert ends.count("passed") >= len(answers)

    # more of them are drawn beside those that are there, and nothing is trained
    values["answering"]["samples"] = 3
    write_study(tmp_path, values)
    jobs = job_counts(snakemake(tmp_path, *named, "-n").stdout)
    assert jobs["answer"] == jobs["score"] == 2 and "train" not in jobs
    target = "results/small/answers/lora/seed-1/own.jsonl"
    snakemake(tmp_path, *named, "--", target)
    more = list(read_records(results / "answers/lora/seed-1/own.jsonl", Answer))
    assert [one.samples[:2] for one in more] == [one.samples for one in answers]
