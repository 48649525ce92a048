"""Batches that memory does not hold."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from papertune.errors import TrainingError
from papertune.examples.tokens import pad
from papertune.training import smaller_batch
from papertune.training.smaller_batch import halves, is_out_of_memory, remembered, smaller
from papertune.training.trainer import StoppableTrainer
from snakemake_run import ROOT
from tiny_training import bytes_of, facts_of, history_of, pairs, weights_of

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


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("since", [1, 3])
def test_a_batch_that_fits_is_found_and_nothing_of_the_failed_ones_is_left(
    run, small_gpu, method, since
):
    """At the first step, and after updates that have changed the weights, with no checkpoint yet."""
    small = run("small", method=method, **(UPDATE | {"batch_size": 2, "accumulation": 4}))
    small_gpu(2, since)
    found = run("found", method=method, find_batch=True, **UPDATE)
    assert bytes_of(found) == bytes_of(small) and history_of(found) == history_of(small)
    for folder, is_found in ((found, True), (small, False)):
        batch = {"size": 2, "accumulation": 4, "found": is_found}
        assert facts_of(folder)["batch"] == batch
    assert facts_of(found)["tokens_seen"] == facts_of(small)["tokens_seen"]
    assert not run.checkpoints("found").exists()


def test_after_a_checkpoint_it_goes_on_from_there_and_remembers(run, small_gpu, monkeypatch):
    import torch

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
    ours, theirs = weights_of(found), weights_of(large)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-2, atol=1e-3)


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
    assert not (run.folder / "never" / "seed-1").exists()


def test_another_error_is_not_taken_for_it(run, monkeypatch):
    def step(*_, **__):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(StoppableTrainer, "training_step", step)
    with pytest.raises(RuntimeError, match="shapes"):
        run("broken", find_batch=True, **UPDATE)


CHILD = """
import json, resource, sys
from pathlib import Path
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from papertune.errors import PapertuneError
from papertune.examples.tokens import Examples
from papertune.training.train import fit
from papertune.models.loading import load_tokenizer, set_up_torch
from papertune.study.settings import Training
folder, room = Path(sys.argv[1]), int(sys.argv[2])
tokenizer = load_tokenizer(folder / "base")
generator = torch.Generator().manual_seed(5)
rows = [torch.randint(320, (n,), generator=generator).tolist() for n in range(80, 96)]
examples = Examples([{"input_ids": row, "labels": row} for row in rows], 0, 0)
def trained(name, **settings):
    set_up_torch(1, 1)
    # logits of many words: memory goes with the batch
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=30000, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=128,
    ))
    try:
        facts = fit(
            model, tokenizer, train=examples, validation=examples, seed=1, what="model",
            training=Training(learning_rate=1e-2, epochs=2, evaluations=2, **settings),
            checkpoints=folder / name,
        )
    except PapertuneError as error:
        return str(error)
    return {key: facts[key] for key in ("batch", "history")}
said = [trained("whole", batch_size=2, accumulation=8)]
used = int(Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + room * 2**20,) * 2)
said += [trained("refused", batch_size=16), trained("found", batch_size=16, find_batch=True)]
print(json.dumps(said))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
def test_on_a_cpu_memory_that_is_really_too_small(run):
    """A process that may have 300 MiB more than it holds.

    A batch of 16 rows of 96 tokens has 16 · 96 · 30,000 logits, 176 MiB, of which several are held
    at once. The validation has 16 rows too.
    """
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(run.folder), "300"],
        capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs, refused, ours = json.loads(done.stdout)
    assert "out of memory with a batch of 16" in refused and "training.find_batch" in refused
    assert ours["batch"]["found"] and ours["batch"]["size"] < 16
    assert ours["batch"]["size"] * ours["batch"]["accumulation"] == 16
    for row, other in zip(ours["history"], theirs["history"], strict=True):
        for key in ("step", "train_loss", "validation_loss"):
            assert row[key] == pytest.approx(other[key], rel=1e-4)


def test_half_the_batch_makes_the_same_update():
    given = [(8, 1), (3, 2), (5, 3), (12, 2), (1, 8)]
    assert [smaller(*batch) for batch in given] == [(4, 2), (1, 6), (1, 15), (6, 4), None]


def test_what_is_remembered_is_for_the_same_update(tmp_path):
    for said, given, taken in [
        ("{torn", (8, 2), (8, 2)),
        ('{"batch": 2}', (8, 2), (2, 8)),
        ('{"batch": 2}', (1, 16), (1, 16)),  # smaller already
        ('{"batch": 2}', (5, 1), (5, 1)),  # another update
    ]:
        (tmp_path / smaller_batch.FOUND).write_text(said)
        assert remembered(tmp_path, *given) == taken


def test_how_it_is_known():
    for error in (
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:125] DefaultCPUAllocator: can't allocate memory"
        ),
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


def test_padding_alone_is_no_half():
    batch = pad([{"input_ids": [1, 2], "labels": [1, 2]}] * 3, 0)
    assert [count for count, _ in halves(batch)] == [1, 2]
