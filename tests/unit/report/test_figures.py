"""Figures are well-formed, the same again, and survive hostile labels."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from papertune.report.figures import COLOURS, NAMES, colour, draw_figures, read_history
from sample_study import make_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return make_study(folder, metrics=["token_f1"], hostile=" <b>&$x_1 & $\\frac", per_year=4)


def draw(study, folder):
    draw_figures(study.layout, folder, **study.made_from)
    return {name: (folder / f"{name}.svg").read_text() for name in NAMES}


def test_figures_are_the_same_again_and_say_what_they_show(study, tmp_path):
    first = draw(study, tmp_path / "a")
    assert draw(study, tmp_path / "b") == first
    for text in first.values():
        ElementTree.fromstring(text)
        assert "dc:date" not in text
    assert "Full fine-tuning &lt;b&gt;&amp;$x_1" in first["matrix"]
    assert "test years" in first["documents"]
    # a model has one colour in every figure
    assert colour(study.experiment, "lora") == COLOURS[2]
    for name in ("matrix", "loss", "cost"):
        assert COLOURS[2] in first[name]


def test_no_training_still_gives_figures(study, tmp_path):
    draw_figures(replace(study.layout, results="nowhere"), tmp_path, **study.made_from)
    assert (tmp_path / "loss.svg").exists()


def test_history_leaves_out_what_a_row_does_not_have(tmp_path):
    (tmp_path / "h.csv").write_text("step,loss,validation_loss\n1,2.5,\n2,,1.5\n")
    without = [{"step": 1, "loss": 2.5}, {"step": 2, "validation_loss": 1.5}]
    assert read_history(tmp_path / "h.csv") == without
