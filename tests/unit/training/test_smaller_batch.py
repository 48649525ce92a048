"""Batches that do not fit in memory."""

import dataclasses
import math
import os
import subprocess
import sys

import pytest

from papertune.errors import TrainingError
from papertune.examples.tokens import MASKED, pad
from papertune.study.settings import Training
from papertune.training.callback import RunCallback
from papertune.training.smaller_batch import (
    FOUND,
    ON_CPU,
    is_out_of_memory,
    mean_loss,
    tokens_at_once,
)
from papertune.training.trainer import StoppableTrainer
from snakemake_run import ROOT
from tiny_training import facts_of, history_of, pairs

# of 8 examples an update, whatever the batch
LENGTH = {"none": {}, "whole": {"length": 64}}
UPDATE = {"batch_size": 8, "accumulation": 1, "epochs": 4, "evaluations": 3}


@pytest.fixture
def small_gpu(monkeypatch):
    """From the nth part on, one of more rows than `most` fails as on a GPU."""
    import torch
    from transformers import Trainer

    real, calls = Trainer.training_step, []

    def of(most: int, since: int = 1) -> None:
        def step(trainer, model, inputs, *arguments, **rest):
            loss = real(trainer, model, inputs, *arguments, **rest)  # gradients are there already
            calls.append(1)
            if len(calls) >= since and len(inputs["labels"]) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return loss

        monkeypatch.setattr(Trainer, "training_step", step)

    return of


def assert_near(folder, other):
    for ours, theirs in zip(history_of(folder), history_of(other), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize(("method", "since"), [("full", 1), ("full", 3), ("lora", 3)])
def test_what_fits_is_found_and_nothing_of_the_failed_step_is_left(run, small_gpu, method, since):
    """At the first step, and after updates that have changed the weights, with no checkpoint yet."""
    large = run("large", method=method, **UPDATE)
    small_gpu(2, since)
    found = run("found", method=method, **UPDATE)
    assert_near(found, large)
    ours, theirs = facts_of(found), facts_of(large)
    assert theirs["batch"] == {"examples": 8, "tokens_at_once": 8 * 96, "found": False}
    assert ours["batch"]["found"] and 1 <= ours["batch"]["tokens_at_once"] < 8 * 96 / 2
    assert ours["tokens_seen"] == theirs["tokens_seen"]


def test_a_later_attempt_begins_with_what_was_found(run, small_gpu, monkeypatch):
    large = run("large", **UPDATE)
    small_gpu(4, since=7)  # the first checkpoint is of the fourth update
    begun, train = [], StoppableTrainer.train
    save = RunCallback.on_save

    def seen(trainer, resume_from_checkpoint=None, **how):
        begun.append((trainer.data_collator.most, resume_from_checkpoint))
        return train(trainer, resume_from_checkpoint=resume_from_checkpoint, **how)

    def saved(callback, args, state, *rest, **how):
        save(callback, args, state, *rest, **how)
        if state.global_step == 8 and len(begun) == 1:
            raise KeyboardInterrupt  # the attempt ends here; another one follows

    monkeypatch.setattr(StoppableTrainer, "train", seen)
    monkeypatch.setattr(RunCallback, "on_save", saved)
    with pytest.raises(KeyboardInterrupt):
        run("found", **UPDATE)
    found = run("found", **UPDATE)
    (_, fresh), (most, newest) = begun
    assert (fresh, newest) == (None, str(run.checkpoints("found") / "checkpoint-8"))
    assert facts_of(found)["batch"] == {"examples": 8, "tokens_at_once": most, "found": True}
    assert most < 8 * 96
    assert_near(found, large)


@pytest.mark.parametrize(
    ("settings", "message", "hints"),
    [
        (UPDATE | {"find_batch": False}, "8 examples", ["training.find_batch", "max_length"]),
        (UPDATE, "one example", ["qlora", "gradient_checkpointing"]),
    ],
)
def test_what_never_fits_ends_in_words(run, small_gpu, settings, message, hints):
    small_gpu(0)
    with pytest.raises(TrainingError, match=f"{message} at once: CUDA out of memory") as error:
        run("never", **settings)
    assert all(hint in error.value.hint for hint in hints)


@pytest.mark.parametrize("packing", ["none", "whole"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_an_update_in_parts_has_the_gradients_of_one_batch(run, monkeypatch, method, packing):
    """Answers of several lengths: each part has another number of tokens that the loss counts."""
    some = [dataclasses.replace(p, answer="red " * (1 + i % 5)) for i, p in enumerate(pairs(0, 24))]
    run.data(some)
    how = {"method": method, "examples": {"packing": packing, **LENGTH[packing]}, "max_steps": 1}
    how |= {"evaluations": 1, "batch_size": 4, "accumulation": 3}
    seen, real = [], StoppableTrainer.training_step

    def step(trainer, model, inputs, *arguments, **rest):
        loss = real(trainer, model, inputs, *arguments, **rest)
        grads = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        seen.append((len(trainer.parts(inputs)), float(loss), grads))
        return loss

    monkeypatch.setattr(StoppableTrainer, "training_step", step)
    for most in (1, 150, 10_000):
        monkeypatch.setattr("papertune.training.train.tokens_at_once", lambda *_, m=most: (m, m))
        run(f"{most}", **how)
    counts, losses, gradients = zip(*seen, strict=True)
    assert counts[0] > counts[1] > counts[2] == 1
    assert losses[:2] == pytest.approx([losses[2]] * 2, rel=1e-5)
    for grads in gradients[:2]:
        assert grads.keys() == gradients[2].keys()
        for name, gradient in grads.items():
            assert (gradient - gradients[2][name]).abs().max() < 1e-5


CHILD = """
import resource, sys
from pathlib import Path
from tiny_models import make_model
from tiny_training import Runs, facts_of
folder = Path(sys.argv[1])
run = Runs(folder, base=make_model(folder / "wide", width=8, layers=1, words=100_000))
how = {"examples": {"loss": "all"}, "evaluations": 1}
run("one", batch_size=2, max_steps=2, **how)
used = int(Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + 500 * 2**20,) * 2)
print(facts_of(run("found", batch_size=16, epochs=2, **how))["batch"])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
def test_on_a_cpu_memory_that_is_really_too_small(run):
    """A process that may have 500 MiB more than it holds.

    A batch of 16 rows of about 60 tokens has 16 · 60 · 100,000 logits, 370 MiB, of which several are
    held at once.
    """
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(run.folder)],
        capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT}/workflow/scripts:{ROOT}/tests"},
    )  # fmt: skip
    assert "'examples': 16" in done.stdout and "'found': True" in done.stdout, done.stderr


def test_how_much_is_computed_at_once_and_what_an_earlier_attempt_found(tmp_path):
    for said, batch, longest, wanted in [
        (None, 4, 96, (384, 384)),
        (None, 16, 1024, (ON_CPU, ON_CPU)),  # on a processor, as here
        (None, 2, 4096, (4096, 4096)),  # one example at least
        ("{torn", 4, 96, (384, 384)),
        ('{"tokens": 100}', 4, 96, (384, 100)),
        ('{"tokens": 100}', 1, 96, (96, 96)),  # less already
    ]:
        if said:
            (tmp_path / FOUND).write_text(said)
        assert (
            tokens_at_once(Training(batch_size=batch, max_length=8192), longest, tmp_path) == wanted
        )


def test_how_it_is_known():
    for error in (
        MemoryError(),
        RuntimeError("alloc_cpu.cpp:125] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
        OSError(12, "Cannot allocate memory"),
    ):
        assert is_out_of_memory(error)
    for error in (RuntimeError("mat1 and mat2 shapes"), KeyError("out of memory")):
        assert not is_out_of_memory(error)


@pytest.mark.parametrize("packing", ["none", "whole"])
def test_a_validation_batch_that_memory_does_not_hold_is_halved(run, monkeypatch, packing):
    """The loss is that of the whole; the halves have other numbers of counted tokens."""
    some = [dataclasses.replace(p, answer="red " * (1 + i % 4)) for i, p in enumerate(pairs(24, 7))]
    run.data(validation=some)
    how = {"epochs": 1, "evaluations": 2, "examples": {"packing": packing}}
    whole, real, sizes = run("whole", **how), StoppableTrainer.compute_loss, []

    def compute(trainer, model, inputs, *arguments, **rest):
        if not model.training:
            sizes.append(len(inputs["labels"]))
            if sizes[-1] > 1:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return real(trainer, model, inputs, *arguments, **rest)

    monkeypatch.setattr(StoppableTrainer, "compute_loss", compute)
    for row, other in zip(history_of(run("halved", **how)), history_of(whole), strict=True):
        assert row == pytest.approx(other, rel=1e-5)
    assert max(sizes) > 1 == min(sizes)
    # what counts no token has no loss, but a loss that is no number is told
    some, nothing = (
        {"labels": pad([{"input_ids": [1, 2, 3], "labels": labels}], 0)["labels"]}
        for labels in ([1, 2, 3], [MASKED] * 3)
    )
    assert mean_loss([some, nothing, some], [1.0, math.nan, 3.0]) == 2
    assert math.isnan(mean_loss([some, nothing], [math.nan, 0.0]))
