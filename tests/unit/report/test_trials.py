"""Figures of a trial series: each trial with its loss and score."""

import dataclasses
import json
import re

import pytest

from papertune.report.trials import FIGURES, draw_trials
from papertune.study.experiment import Experiment
from papertune.training.callback import is_drawn
from papertune.training.facts import final_loss
from sample_study import SETTINGS, make_study, write_report


def series(models, **more):
    values = json.loads(json.dumps(SETTINGS)) | more
    values["models"] |= models
    return Experiment.model_validate(values)


SERIES = {"lora": {"after": "full", "method": "lora", "label": "The second"}}


@pytest.fixture
def study(tmp_path):
    made = make_study(tmp_path, metrics=["token_f1"], per_year=4)
    how = {"metrics": ["token_f1"], "comparison": {"metric": "token_f1"}}
    layout = dataclasses.replace(made.layout, experiment=series(SERIES, **how))
    return dataclasses.replace(made, layout=layout)


def test_trials_are_those_that_come_one_after_another():
    assert series({}).trials == []
    assert series(SERIES).trials == ["full", "lora"]
    alone = {"third": {"base": "small", "method": "full", "training": {"epochs": 9}}}
    assert series(SERIES | alone).trials == ["full", "lora"]


def test_figures_of_trials_are_drawn_on_the_page_and_the_same_again(study, tmp_path):
    layout = study.layout
    (tmp_path / "figures").mkdir()
    steps = "step,train_loss\n" + "".join(f"{n},{9 / n}\n" for n in range(1, 400))
    for path in list(layout.models().values())[:2]:  # those of the other model are of before
        (tmp_path / path / "steps.csv").write_text(steps)
    for folder in ("figures", "again"):
        draw_trials(layout, tmp_path / folder, matrix=study.made_from["matrix"])
    for name in FIGURES:
        text = (tmp_path / f"figures/{name}.svg").read_text()
        for ending in ("svg", "pdf"):
            made = [tmp_path / folder / f"{name}.{ending}" for folder in ("figures", "again")]
            assert made[0].read_bytes() == made[1].read_bytes()
        assert "The second" in text and "Full fine-tuning" in text, name
    metric = (tmp_path / "figures/trials_metric.svg").read_text()
    assert "Base, untuned" in metric  # what they are held against stands beside them
    page = write_report(study, tmp_path / "report.html")
    assert page.count('id="figure-trials_') == len(FIGURES)
    assert len(set(ids := re.findall(r' id="([^"]+)"', page))) == len(ids)
    plain = dataclasses.replace(layout, experiment=series({}))
    assert plain.trial_figures() == {}


def test_the_final_training_loss_is_of_the_last_tenth_of_the_steps():
    curve = [[step, float(step)] for step in range(1, 101)]
    assert final_loss(curve) == pytest.approx(sum(range(91, 101)) / 10)
    assert final_loss([[10, 3.0], [15, 1.0]]) == 1.0  # as fine as it was kept
    assert final_loss([[1, 2.5]]) == 2.5 and final_loss([]) is None


def test_the_curve_has_each_of_the_first_steps_the_last_and_some_between():
    points = [step for step in range(1, 100_001) if is_drawn(step, 100_000)]
    assert points[:200] == list(range(1, 201)) and points[-1] == 100_000 and len(points) < 510
    assert [step for step in range(1, 151) if is_drawn(step, 150)] == list(range(1, 151))
