"""The table of programs tells better form from worse logic."""

from dataclasses import replace

import pytest

from papertune.report.programs import programs_notes, programs_table
from papertune.scores.matrix import Cell
from papertune.study.experiment import Experiment

STUDY = {
    "source": {"kind": "human_eval"}, "splits": {"test": 0.5},
    "generators": {"own": {"backend": "source", "label": "HumanEval"}},
    "bases": {"a": {"path": "a"}},
    "models": {"base": {"base": "a", "method": "baseline"}, "full": {"base": "a", "method": "full"}},
    "metrics": ["similarity", "pass@1"], "comparison": {"metric": "pass@1"},
}  # fmt: skip


def cell(model, metric, mean, verdict="", **more):
    own = {} if model == "base" else {"baseline": "base", "difference": mean - 0.5}
    return Cell(model, "own", metric, "all", mean, mean - 0.1, mean + 0.1, 20, 20, 1, mean, mean,
                verdict=verdict, **own, **more)  # fmt: skip


@pytest.fixture
def cells():
    logic = [cell("base", "pass@1", 0.5), cell("full", "pass@1", 0.2, "worse")]
    form = [
        one
        for name in ("parses", "signature", "only_code")
        for one in (cell("base", name, 0.5), cell("full", name, 0.9, "better"))
    ]
    return logic + form


def test_better_form_and_worse_logic(cells):
    table = programs_table(cells, Experiment.model_validate(STUDY))
    rows = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert list(rows) == ["base", "full"]
    assert rows["full"]["What changed"] == "form: better, logic: worse"
    assert rows["base"]["What changed"] == "–"
    assert rows["full"]["pass@1"].startswith("0.200") and rows["full"]["Parses"].startswith("0.900")


def test_nothing_is_claimed_without_a_verdict(cells):
    plain = [replace(one, verdict="") for one in cells]
    [_, row] = programs_table(plain, Experiment.model_validate(STUDY)).rows
    assert "better" not in row[2] and "worse" not in row[2]


def test_what_is_left_out_and_what_is_unsafe_is_said(cells):
    some = [replace(one, questions=17) if one.metric == "pass@1" else one for one in cells]
    study = Experiment.model_validate(STUDY | {"programs": {"allow_unsafe": True}})
    notes = programs_notes(some, study)
    assert any("3 of 20" in note for note in notes)
    assert any("allow_unsafe" in note for note in notes)
    assert not any(
        "allow_unsafe" in n for n in programs_notes(cells, Experiment.model_validate(STUDY))
    )


def test_studies_without_programs_have_none(cells):
    study = Experiment.model_validate(
        STUDY | {"metrics": ["similarity"], "comparison": {"metric": "similarity"}}
    )
    assert not programs_table(cells, study).rows and not programs_notes(cells, study)
