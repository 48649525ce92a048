"""The size of a study in a plan: the source of its numbers, and the cost of more."""

import shutil
from dataclasses import replace

import pytest

from papertune.jobs.record import OK, JobRecord
from papertune.report.size import Costs, show_size, size_table
from papertune.scores.power import Size, Spread, remember
from papertune.scores.rows import read_rows, write_rows
from sample_study import make_study


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("size"), metrics=["token_f1"], per_year=8)


def said(study, store, **comparison):
    own = study.experiment.comparison.model_copy(update=comparison)
    experiment = study.experiment.model_copy(update={"comparison": own})
    table, notes = size_table(replace(study.layout, experiment=experiment), store)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows], notes


def test_spreads_come_from_own_results_then_a_pilot_then_the_store_then_an_assumption(
    finished, tmp_path
):
    own = finished.tables / "spread.csv"
    seen = read_rows(own, Spread)
    assert {one.test_set for one in seen} == {"extractive", "cloze"}
    assert all(one.seeds is not None for one in seen)
    assert all(one.questions for one in seen if one.metric == "token_f1")
    rows, notes = said(finished, tmp_path)
    assert rows[0]["Documents"] not in ("60", "250", "1000") and "its own results" in notes[0]

    shutil.move(own, tmp_path / "spread.csv")
    try:
        assert "small studies" in said(finished, tmp_path)[1][0]
        remember(tmp_path, [Spread("other", "token_f1", 0.5, 0.1, 0.01, 0.1)])
        by_store, notes = said(finished, tmp_path)
        assert "1 test sets of the store" in notes[0]
        pilot = finished.tables.parents[1] / "small/tables"
        pilot.mkdir(parents=True)
        write_rows(pilot / "spread.csv", [Spread("x", "token_f1", 0.05, 0.1, 0.01, 0.1)], Spread)
        by_pilot, notes = said(finished, tmp_path, pilot="small")
        assert "the pilot small" in notes[0]
        # what varies less shows smaller differences
        assert float(by_pilot[0]["Smallest"]) < float(by_store[0]["Smallest"])
    finally:
        shutil.move(tmp_path / "spread.csv", own)


def test_a_wanted_difference_is_answered_with_the_cheapest_way(finished, tmp_path):
    assert said(finished, tmp_path, wanted=0.9)[0][0]["Cheapest"] == "enough as it is"
    row = said(finished, tmp_path, wanted=0.15)[0][0]
    assert "h more" in row["Cheapest"] and any("0.150" in column for column in row)
    assert "Smallest" in show_size([finished.layout], tmp_path)


def test_costs_are_those_of_the_jobs_and_more_of_what_is_dear_is_dearer():
    def record(rule, seconds, **wildcards):
        about = (rule, wildcards, 1, "h", 1, "", 1, 0, None, None, None, 0.0, seconds)
        return JobRecord(*about, status=OK, ended=seconds)

    size = Size(seeds=2, documents=10, questions=2, models=2, comparisons=4)
    assert not Costs.of([], size).measured
    jobs = [record("train", 100.0, seed=str(n)) for n in (1, 2)] + [record("answer", 40.0)]
    costs = Costs.of(jobs, size)
    assert (costs.training, costs.answer, costs.measured) == (100.0, 2.0, True)
    seeds, documents = (Size(2 + a, 10 + b, 2, 2, 4) for a, b in ((1, 0), (0, 1)))
    # one more seed: two trainings, and two models' answers to 20 questions of two writers
    assert costs.hours(size, 2, seeds) == pytest.approx((200 + 2 * 40 * 2) / 3600)
    assert costs.hours(size, 2, documents) == pytest.approx(5 * 4 * 2 / 3600)
