"""The page of reports: findings of each, ours beside them, and how they are alike and unlike."""

import dataclasses

import pytest
from pydantic import ValidationError

from papertune.report.reports import write_reports
from papertune.report.tables import write_further, write_tables
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from sample_study import SETTINGS, make_study, write_report

HOSTILE = "<script>alert(1)</script>"
REPRODUCES = {
    "report": f"A report {HOSTILE}",
    "lines": [
        {
            "what": "Similarity by year", "found": f"most gain {HOSTILE}",
            "ours": ["tables/published", "figures/matrix", "report/answers"],
            "like": "the same design", "unlike": "a smaller model",
        },
        {"what": "Loss by epoch", "ours": ["figures/loss"]},
    ],
}  # fmt: skip


def test_the_page_has_every_line_with_ours_beside_it_and_nothing_that_runs(tmp_path):
    made = make_study(tmp_path, metrics=["token_f1"], hostile=HOSTILE, per_year=4)
    study = Experiment.model_validate(SETTINGS | {"reproduces": REPRODUCES})
    layout = dataclasses.replace(made.layout, experiment=study)
    write_report(made, tmp_path / "demo/report.html")
    write_tables(made.layout, made.tables, **made.made_from)
    matrix = made.made_from["matrix"]
    write_further("published", made.experiment, made.tables, matrix=matrix)
    root = layout.root
    assert layout.reproductions() == [
        f"{root}/made.json", f"{root}/tables/published.json", f"{root}/figures/matrix.svg",
        f"{root}/figures/loss.svg",
    ]  # fmt: skip
    other = dataclasses.replace(made.layout, name="other")  # reproduces nothing
    assert other.reproductions() == []
    write_reports({"demo": layout, "other": other}, tmp_path / "reports.html")
    page = (tmp_path / "reports.html").read_text()
    assert HOSTILE not in page and "&lt;script&gt;" in page and page.count("<script") == 1
    for said in ("Similarity by year", "Loss by epoch", "the same design", "a smaller model"):
        assert said in page
    assert page.count("<svg") == 2 and 'href="demo/report.html#answers"' in page
    assert "0.712" in page  # what the report has, beside what was measured
    assert len(set(ids := page.split(' id="')[1:])) == len(ids)


@pytest.mark.parametrize("ours", ["tables/../../x", "results/x", "figures/"])
def test_only_what_an_experiment_makes_can_stand_there(ours):
    lines = [{"what": "x", "ours": [ours]}]
    with pytest.raises(ValidationError, match=r"reproduces\.lines\.0\.ours\.0"):
        Experiment.model_validate(SETTINGS | {"reproduces": {"report": "x", "lines": lines}})
    assert Layout("x", Experiment.model_validate(SETTINGS)).reproductions() == []
