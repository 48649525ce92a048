"""Batches that memory does not hold."""

import dataclasses
import os
import subprocess
import sys

import pytest

from papertune.errors import TrainingError
from papertune.examples.tokens import pad
from papertune.training.smaller_batch import FOUND, fitting, halves, is_out_of_memory, remembered
from papertune.training.trainer import StoppableTrainer
from snakemake_run import ROOT
from tiny_training import bytes_of, facts_of, history_of, pairs

# of 8 examples an update, whatever the batch
UPDATE = {"batch_size": 8, "accumulation": 1, "epochs": 4, "evaluations": 3}


@pytest.fixture
def small_gpu(monkeypatch):
    """From the nth step on, a batch of more rows than `most` fails as on a GPU."""
    import torch

    real, calls = StoppableTrainer.training_step, []

    def of(most: int, since: int = 1) -> None:
        def step(trainer, model, inputs, *arguments, **rest):
            loss = real(trainer, model, inputs, *arguments, **rest)  # gradients are there already
            calls.append(1)
            if len(calls) >= since and len(inputs["labels"]) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return loss

        monkeypatch.setattr(StoppableTrainer, "training_step", step)

    return of


@pytest.mark.parametrize(("method", "since"), [("full", 1), ("full", 3), ("lora", 3)])
def test_a_batch_that_fits_is_found_and_nothing_of_the_failed_ones_is_left(
    run, small_gpu, method, since
):
    """At the first step, and after updates that have changed the weights, with no checkpoint yet."""
    small = run("small", method=method, **(UPDATE | {"batch_size": 2, "accumulation": 4}))
    small_gpu(2, since)
    found = run("found", method=method, find_batch=True, **UPDATE)
    assert bytes_of(found) == bytes_of(small) and history_of(found) == history_of(small)
    ours, theirs = facts_of(found), facts_of(small)
    assert ours["batch"] == theirs["batch"] | {"found": True} != theirs["batch"]
    assert ours["tokens_seen"] == theirs["tokens_seen"]


def test_after_a_checkpoint_it_goes_on_from_there_and_remembers(run, small_gpu, monkeypatch):
    large = run("large", **UPDATE)
    small_gpu(4, since=7)  # the first checkpoint is of the fourth update
    begun, train = [], StoppableTrainer.train

    def seen(trainer, resume_from_checkpoint=None, **how):
        begun.append((trainer.args.per_device_train_batch_size, resume_from_checkpoint))
        if len(begun) == 2:
            raise KeyboardInterrupt  # the attempt ends here; another one follows
        return train(trainer, resume_from_checkpoint=resume_from_checkpoint, **how)

    monkeypatch.setattr(StoppableTrainer, "train", seen)
    with pytest.raises(KeyboardInterrupt):
        run("found", find_batch=True, **UPDATE)
    found = run("found", find_batch=True, **UPDATE)
    newest = str(run.checkpoints("found") / "checkpoint-4")
    assert begun == [(8, None), (4, newest), (4, newest)]
    assert facts_of(found)["batch"] == {"size": 4, "accumulation": 2, "found": True}
    for ours, theirs in zip(history_of(found), history_of(large), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "message", "hints"),
    [
        (UPDATE, "batch of 8", ["training.find_batch", "halve training.batch_size (8)"]),
        (UPDATE | {"find_batch": True}, "batch of 1", ["qlora", "gradient_checkpointing"]),
        (UPDATE | {"batch_size": 1}, "batch of 1", ["max_length", "lora"]),
    ],
)
def test_what_never_fits_ends_in_words(run, small_gpu, settings, message, hints):
    small_gpu(0)
    with pytest.raises(TrainingError, match=f"out of memory with a {message}: CUDA out") as error:
        run("never", **settings)
    assert all(hint in error.value.hint for hint in hints)


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
print(facts_of(run("found", batch_size=16, epochs=2, find_batch=True, **how))["batch"])
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
    held = [{"size": size, "accumulation": 16 // size, "found": True} for size in (1, 2, 4, 8)]
    assert done.stdout.strip() in map(str, held), done.stderr


def test_the_next_batch_makes_the_same_update_and_is_remembered_for_that(tmp_path):
    assert [fitting(*of) for of in [(8, 4), (6, 1), (15, 2), (24, 6), (8, 0)]] == [4, 1, 1, 6, 0]
    for said, update, given, taken in [
        ("{torn", 16, 8, 8),
        ('{"batch": 2}', 16, 8, 2),
        ('{"batch": 2}', 16, 1, 1),  # smaller already
        ('{"batch": 2}', 5, 5, 5),  # another update
    ]:
        (tmp_path / FOUND).write_text(said)
        assert remembered(tmp_path, update, given) == taken


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
    # padding alone is no half
    batch = pad([{"input_ids": [1, 2], "labels": [1, 2]}] * 3, 0)
    assert [count for count, _ in halves(batch)] == [1, 2]
