"""What a run tells of its devices: one for each process, GPU hours, energy, cost."""

import itertools
import sys
import types

import pytest

from papertune.study.settings import Training
from papertune.training import callback
from papertune.training import facts as run_facts
from papertune.training import train as training
from papertune.training.trainer import training_arguments
from tiny_training import facts_of


def test_a_process_uses_one_gpu_though_it_sees_four(tmp_path, monkeypatch):
    """Without a GPU: the Trainer counts what it sees, and shares out batches to that many."""
    import torch
    from transformers import TrainingArguments

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr("papertune.training.trainer.device_name", lambda: "cuda")
    assert TrainingArguments(output_dir=str(tmp_path)).n_gpu == 4
    arguments = training_arguments(
        Training(batch_size=6), steps=3, batch=6, accumulation=1, seed=1, checkpoints=tmp_path,
        what="run",
    )  # fmt: skip
    assert not arguments.use_cpu
    assert (arguments.n_gpu, arguments.train_batch_size) == (1, 6)
    assert arguments.eval_batch_size == 16


def test_gpu_hours_and_energy_are_of_gpus_and_known_in_every_attempt_or_not(run, monkeypatch):
    facts = facts_of(run("model"))
    assert facts["gpu_hours"] == 0.0 and facts["energy_joules"] is None
    values = itertools.chain([100.0, 110.0], itertools.repeat(None))
    monkeypatch.setattr(callback, "gpu_energy", lambda: next(values))
    monkeypatch.setattr(run_facts, "device_label", lambda: "NVIDIA H200")
    facts = facts_of(run("model"))
    assert facts["gpu_hours"] == pytest.approx(facts["wall_seconds"] / 3600, abs=1e-6)
    assert facts["energy_joules"] is None


def test_energy_of_several_attempts_adds_up(run, monkeypatch, stopped):
    """A counter that goes on by 10 J at each look, and begins anew with each attempt."""
    looks, attempts, set_up = [], [], training.set_up_torch

    def counter():
        looks.append(1)
        return 9000.0 - 1000 * len(attempts) + 10 * len(looks)

    monkeypatch.setattr(training, "set_up_torch", lambda *a: (attempts.append(1), set_up(*a)))
    monkeypatch.setattr(callback, "gpu_energy", counter)
    whole = facts_of(run("whole"))["energy_joules"]
    # one look at the beginning; a look for each of a training row, a validation row and a checkpoint
    # of four, but none for the last checkpoint
    assert whole == 10 * (4 * 3 - 1)
    # the checkpoint where it stopped was looked at besides
    assert facts_of(stopped(("on_step_end", 7)))["energy_joules"] == whole + 10


@pytest.mark.parametrize(
    ("counters", "joules"),
    [({"GPU-1-2-3": 12_345}, 12.345), ({}, None), (None, None)],
    ids=["this process's GPU", "one without a counter", "no library"],
)
def test_joules_are_those_of_this_process_gpu(monkeypatch, counters, joules):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    uuid = lambda n: types.SimpleNamespace(uuid=f"{n}-2-3")  # noqa: E731
    monkeypatch.setattr(torch.cuda, "get_device_properties", uuid)
    # what of pynvml is used, as there is no GPU to ask
    library = counters is not None and types.SimpleNamespace(
        NVMLError=KeyError, nvmlInit=lambda: None, nvmlDeviceGetHandleByUUID=str,
        nvmlDeviceGetTotalEnergyConsumption=counters.__getitem__,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", library or None)
    run_facts._counter.cache_clear()
    assert run_facts.gpu_energy() == joules
    run_facts._counter.cache_clear()
