"""Stopped and killed runs, torn checkpoints, and the disk space of a run."""

import json
import math
import os

import pytest

from papertune.errors import TrainingError
from papertune.jobs import stopping
from papertune.models.modelfolder import model_folder
from papertune.training import train as training
from papertune.training.callback import RunCallback
from papertune.training.checkpoints import Carried, carried_by, mark_whole, newest_whole
from papertune.training.trainer import INSIDES
from tiny_training import assert_same, facts_of, history_of, pairs

# 24 updates of 6 an epoch, with a checkpoint after every third
LONG = {"epochs": 4, "evaluations": 8}

MOMENTS = {
    "before the first step": [("on_train_begin", 1)],
    "at the first step": [("on_step_end", 1)],
    "in the middle of an epoch": [("on_step_end", 2)],
    "at a step with a validation": [("on_step_end", 7)],
    "in the first validation": [("on_prediction_step", 1)],
    "in a later validation": [("on_prediction_step", 4)],
    "while a checkpoint is written": [("on_save", 2)],
    "at the last step": [("on_step_end", 14)],
    "at the last validation": [("on_prediction_step", 8)],
    "at the last checkpoint": [("on_save", 4)],
    "twice between two validations": [("on_step_end", 8), ("on_step_end", 1)],
    # in a validation, and again where it is made up for
    "again and again": [("on_step_end", 6), ("on_prediction_step", 2), ("on_prediction_step", 1)],
}


def test_what_is_used_of_the_trainers_insides_is_there():
    assert not [(kind, name) for kind, names in INSIDES.items() for name in names
                if not hasattr(kind, name)]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "moment"),
    [*(("lora", moment) for moment in MOMENTS), ("full", "again and again")],
)
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(run, stopped, method, moment):
    # dropout draws random numbers; the run ends in the middle of its third epoch, and a validation
    # has two batches
    run.data(validation=pairs(24, 18))
    lora = {"rank": 4, "alpha": 32, "dropout": 0.2}
    how = {"method": method, "max_steps": 14, "accumulation": 1, "lora": lora}
    undisturbed = run("undisturbed", **how)
    assert_same(stopped(*MOMENTS[moment], **how), undisturbed)
    assert not run.checkpoints("stopped").exists()


@pytest.mark.parametrize(
    "how", [{"method": "qlora"}, *({"optimizer": o} for o in ("adamw_8bit", "adafactor", "sgd"))]
)
def test_every_optimiser_and_4_bit_go_on_from_a_checkpoint(run, stopped, how):
    undisturbed = run("undisturbed", **how)
    assert_same(stopped(("on_step_end", 7), **how), undisturbed)


def test_a_signal_while_the_model_is_saved_costs_no_step(run, stopped, monkeypatch):
    """Snakemake, which has the same signal, throws the result away."""
    undisturbed, real, steps = run("undisturbed"), RunCallback.on_step_end, []

    def counted(*arguments, **rest):
        steps.append(1)
        real(*arguments, **rest)

    monkeypatch.setattr(RunCallback, "on_step_end", counted)
    assert_same(stopped(("write_facts", 1, training)), undisturbed)
    assert len(steps) == 12


@pytest.mark.parametrize("validation", ["best", "last"])
def test_a_validation_that_is_made_up_for_counts_as_any(run, stopped, validation):
    # of the last one patience has enough, the best one's weights are kept
    run.data(validation=pairs(24, 6, answer="purple 9"))
    how = {"learning_rate": 2e-2, "epochs": 10, "evaluations": 20, "patience": 2}
    undisturbed = run("undisturbed", **how)
    facts, steps = facts_of(undisturbed), [row["step"] for row in history_of(undisturbed)]
    assert facts["best_step"] < facts["steps"] == steps[-1] < facts["planned_steps"]
    step = {"best": facts["best_step"], "last": steps[-1]}[validation]
    assert_same(stopped(("on_prediction_step", steps.index(step) + 1), **how), undisturbed)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_killed_again_and_again_it_comes_to_what_an_undisturbed_run_does(run, killed, method):
    how = LONG | {"method": method}
    undisturbed = run("undisturbed", **how)
    # before the first checkpoint, between two, in a validation, while a checkpoint is written (it
    # is there and has no marker), and after the last update
    for event, count in [
        ("on_step_end", 2), ("on_step_end", 5), ("on_step_end", 5), ("on_prediction_step", 2),
        ("on_save", 2), ("on_save", 1), ("on_step_end", 9),
    ]:  # fmt: skip
        killed("killed", event, count, **how)
    assert not (run.folder / "killed" / "seed-1").exists()
    assert_same(run("killed", **how), undisturbed)
    assert not run.checkpoints("killed").exists()


def _cut(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("tear", "name"),
    [
        *((_cut, name) for name in ("model.safetensors", "optimizer.pt", "trainer_state.json")),
        *((tear, "whole") for tear in (_cut, os.unlink)),
        (os.unlink, "model.safetensors"),
    ],
)
def test_a_torn_checkpoint_is_seen_and_the_one_before_taken(run, killed, tear, name, caplog):
    caplog.set_level("INFO")
    undisturbed = run("undisturbed", **LONG)
    killed("torn", "on_step_end", 17, **LONG)
    folders = sorted(run.checkpoints("torn").glob("checkpoint-*"))
    before, newest = sorted(folders, key=lambda folder: int(folder.name.rpartition("-")[2]))[-2:]
    assert (before.name, newest.name) == ("checkpoint-12", "checkpoint-15")
    tear(newest / name)
    resumed = run("torn", **LONG)
    assert f"{newest} is incomplete" in caplog.text
    assert f"resuming from {before}" in caplog.text
    assert_same(resumed, undisturbed)


def test_without_its_best_model_a_checkpoint_is_no_use(tmp_path):
    best, newest = (tmp_path / f"checkpoint-{step}" for step in (3, 9))
    for folder in (best, newest):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"x" * 100)
        state = {"best_model_checkpoint": str(best)}
        (folder / "trainer_state.json").write_text(json.dumps(state))
        mark_whole(folder, Carried(1.5, 2, 3.0, 4.0))
    assert newest_whole(tmp_path) == newest
    assert carried_by(newest) == Carried(1.5, 2, 3.0, 4.0)
    _cut(best / "model.safetensors")
    assert newest_whole(tmp_path) is None and not best.exists()
    assert newest.exists()  # a person may still look at it


def test_disk_use_is_bounded(run, monkeypatch):
    """At most the best, the newest before and the one that is being written."""
    real, found = RunCallback.on_save, []

    def there():
        names = {path.name for path in run.checkpoints("model").iterdir()}
        assert all(name.startswith("checkpoint-") for name in names)
        return len(names)

    def saved(*arguments, **rest):
        before = there()
        real(*arguments, **rest)
        found.append((before, there()))

    monkeypatch.setattr(RunCallback, "on_save", saved)
    run("model", epochs=6, evaluations=18)
    assert len(found) == 18
    assert max(before for before, _ in found) <= 3 and max(after for _, after in found) <= 2


@pytest.mark.parametrize("asked", [False, True])
def test_a_loss_that_is_no_number_makes_no_checkpoint(run, stopped, monkeypatch, asked):
    """Between two validations, where a job is stopped, nobody has looked at it yet."""
    real, calls = RunCallback.on_step_end, []

    def broken(callback, *arguments, **rest):
        calls.append(1)
        if len(calls) == 5:
            callback.loss = math.nan
            if asked:
                stopping.request("a test")
        return real(callback, *arguments, **rest)

    monkeypatch.setattr(RunCallback, "on_step_end", broken)
    with pytest.raises(TrainingError, match=f"the loss is nan at step {6 - asked}") as e:
        run("broken", **LONG)
    kept = run.checkpoints("broken") / "checkpoint-3"
    assert "of step 3 with a validation loss of" in str(e.value) and str(kept) in str(e.value)
    assert newest_whole(run.checkpoints("broken")) == kept


def test_a_model_folder_that_was_half_written_is_cleared_away(tmp_path):
    for name in (".seed-1.abc/x", ".seed-10.abc"):  # one is another model's
        (tmp_path / name).mkdir(parents=True)
    with model_folder(tmp_path / "seed-1") as folder:
        (folder / "x").write_text("x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".seed-10.abc", "seed-1"]
