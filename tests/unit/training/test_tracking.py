"""What a training reports to a tracker while it runs, as the tracker has it afterwards."""

import importlib.util
import json
import os
import sqlite3

import pytest

from papertune.cluster.machine import check_trackers
from papertune.study import uses
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.tracking import Tracking
from papertune.training.callback import RunCallback
from papertune.training.tracking import Teller
from sample_study import SETTINGS
from tiny_training import assert_same, history_of
from unit.training.conftest import signal_at

needs_trackio = pytest.mark.skipif(
    importlib.util.find_spec("trackio") is None, reason="trackio is not installed: make tracking"
)
TOLD = Tracking("trackio", "demo", "full/seed-1")


def in_child(work, status=0):
    """Trackers keep what the environment said when they were loaded: each test has a process."""
    if (child := os.fork()) == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == status


def metrics(folder):
    """(run, values) of each thing that was told, in its order."""
    with sqlite3.connect(folder / "logs/tracking/trackio/demo.db") as base:
        return [
            (run, json.loads(values))
            for run, values in base.execute("SELECT run_name, metrics FROM metrics ORDER BY id")
        ]


@pytest.fixture
def each_step(monkeypatch):
    monkeypatch.setattr("papertune.training.tracking.SECONDS", 0.0)


@needs_trackio
def test_losses_of_steps_and_validations_are_told_and_the_model_is_the_same(
    run, tmp_path, monkeypatch, each_step
):
    monkeypatch.chdir(tmp_path)
    in_child(lambda: run("told", tracking=TOLD))
    model = tmp_path / "told/seed-1"
    assert_same(model, run("untold"))
    told = metrics(tmp_path)
    assert len({name for name, _ in told}) == 1 and told[0][0].startswith("full/seed-1 ")
    validations = {
        values["train/global_step"]: values["eval/loss"]
        for _, values in told
        if "eval/loss" in values
    }
    rows = history_of(model)
    assert validations == pytest.approx(
        {row["step"]: row["validation_loss"] for row in rows}, abs=1e-4
    )
    losses = {
        values["train/global_step"]: values["train/loss"]
        for _, values in told
        if "train/loss" in values
    }
    assert list(losses) == list(range(1, 13))
    first = [losses[step] for step in (1, 2, 3)]
    assert sum(first) / 3 == pytest.approx(rows[1]["train_loss"], abs=1e-4)


@needs_trackio
def test_a_run_that_was_killed_is_the_same_run_when_it_goes_on(
    run, tmp_path, monkeypatch, each_step
):
    monkeypatch.chdir(tmp_path)

    def killed():
        signal_at(monkeypatch, 9, RunCallback, "on_step_end", 8)
        run("told", tracking=TOLD)

    in_child(killed, status=-9)
    in_child(lambda: run("told", tracking=TOLD))
    told = metrics(tmp_path)
    assert len({name for name, _ in told}) == 1
    steps = {values["train/global_step"] for _, values in told if "train/loss" in values}
    assert {7, 8, 12} <= steps


@needs_trackio
def test_a_tracker_that_fails_ends_no_training(run, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").write_text("no folder")

    def refused():
        assert run("told", tracking=TOLD).is_dir() and "no further logging" in caplog.text

    in_child(refused)


def test_nobody_is_told_where_nobody_is_asked_for(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Teller(None, tmp_path) as teller:
        teller.begin(None, None, None, None)
        teller.tell({"loss": 1.0})
    assert run("untold").is_dir() and not (tmp_path / "logs").exists()


def test_tracking_makes_no_other_model_and_what_is_not_installed_is_told_before():
    said = {
        tracker: Layout("demo", Experiment.model_validate(SETTINGS | {"tracking": tracker}))
        for tracker in ("", "trackio", "clearml")
    }
    made = {name: uses.train(layout, "full", "1") for name, layout in said.items()}
    assert len({one.identity() for one in made.values()}) == 1
    assert made["trackio"].arguments["tracking"] == TOLD
    assert made[""].arguments["tracking"] is None
    assert not list(check_trackers([said[""]]))
    [lacking] = check_trackers([said["clearml"]])
    assert lacking.state == "wrong" and "not installed" in str(lacking)
