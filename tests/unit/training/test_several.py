"""Several processes that train one model: the result of one process, also after an interruption."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from papertune.errors import TrainingError
from papertune.study.settings import Lora, Training
from papertune.training.smaller_batch import share_of
from tiny_models import make_model
from tiny_training import Runs, bytes_of, facts_of, history_of, pairs, weights_of
from worker_jobs import Job

pytestmark = pytest.mark.usefixtures("warm")

# updates of 8 examples: 22 leave 6 for the last of an epoch, and one process's batch is empty then
TRAINING = {"batch_size": 2, "accumulation": 4, "evaluations": 3}


class Study(Runs):
    """What one process or two train: a base, one whose weights are tied, and pairs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.llama, self.tied = self.base, make_model(folder / "tied", family="gpt2")
        config = self.tied / "config.json"  # each process drops something else
        none = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.0)
        config.write_text(json.dumps(json.loads(config.read_text()) | none))
        some = [replace(p, context=p.context * (1 + n % 3)) for n, p in enumerate(pairs(0, 42))]
        self.data(some[:22], some[22:])

    def arguments(self, name: str, **how: Any) -> dict[str, Any]:
        self.base = self.tied if name.startswith("tied") else self.llama
        lora = Lora(rank=4, alpha=32, dropout=0.0)
        return super().arguments(name, **TRAINING | {"lora": lora} | how)

    def start(self, name: str, runs: dict[str, dict[str, Any]], **also: Any) -> Job:
        """Two processes that train models one after the other."""
        wanted = [self.arguments(one, **how) for one, how in runs.items()]
        log, workers = self.folder / f"{name}.log", {"each": 2, "threads": 2}
        return Job(log, "train_several", workers=workers, runs=wanted, **also)

    def two(self, name: str, **how: Any) -> Path:
        """One model, trained by two processes."""
        job = self.start(name, {name: how})
        assert job.end() == 0, job.said()
        return self.folder / name / "seed-1"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("study"))


def assert_close(ours: Path, theirs: Path, rtol: float, atol: float) -> None:
    import torch

    two, one = weights_of(ours), weights_of(theirs)
    assert sorted(two) == sorted(one)
    for key, values in one.items():
        torch.testing.assert_close(two[key], values, rtol=rtol, atol=atol)


ANSWERS = {"best_by": "token_f1", "best_sample": 20, "best_new_tokens": 6, "max_steps": 2}
AGAIN = {"gradient_checkpointing": True}
# what two processes train, and what one is to train for it
BY_TWO: dict[str, dict[str, Any]] = {
    "full, ddp": {"method": "full"},
    "lora, ddp": {"method": "lora"},
    "full, fsdp": {"method": "full", "sharded": True},
    "lora, fsdp": {"method": "lora", "sharded": True, **AGAIN},
    "tied, ddp": {"precision": "bf16"},
    "tied, fsdp": {"precision": "bf16", "sharded": True},
    "answers, ddp": ANSWERS,
    "answers, fsdp": ANSWERS | {"sharded": True},
}


@pytest.fixture(scope="module")
def trained(study):
    """Model folders of two processes, and of one."""
    job = study.start("two", BY_TWO, parts_of=str(study.tied))
    assert job.end() == 0, job.said()
    alone = {name: how for name, how in BY_TWO.items() if name.endswith("ddp")}
    one = {name: study(f"{name}, one", **how) for name, how in alone.items()}
    return {
        name: (study.folder / name / "seed-1", one[name.replace("fsdp", "ddp")]) for name in BY_TWO
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full, ddp", "lora, ddp", "full, fsdp", "lora, fsdp"])
def test_two_processes_train_what_one_trains(study, trained, name):
    two, one = trained[name]
    assert (facts_of(one)["processes"], facts_of(two)["processes"]) == (1, 2)
    for fact in ("steps", "best_step", "tokens_seen", "examples", "trainable_parameters"):
        assert facts_of(two)[fact] == facts_of(one)[fact]
    again = AGAIN if name == "lora, fsdp" else {}
    assert facts_of(two)["settings"] == facts_of(one)["settings"] | again
    assert len(history_of(one)) == 4  # that of the untrained model first
    for ours, theirs in zip(history_of(two), history_of(one), strict=True):
        for row in (ours, theirs):  # the share of an epoch is one of batches
            del row["epoch"]
        assert ours == pytest.approx(theirs, rel=1e-4)
    assert_close(two, one, rtol=1e-4, atol=1e-4)  # where a gradient is next to nothing
    before = weights_of(study.llama)
    for key, values in weights_of(one).items():
        if key in before:  # they have gone far from where they were
            assert (values - before[key]).abs().max() > 1e-3
    assert sorted(path.name for path in two.iterdir()) == sorted(p.name for p in one.iterdir())
    if (one / "config.json").exists():
        assert (two / "config.json").read_text() == (one / "config.json").read_text()


@pytest.mark.slow
def test_in_bf16_and_judged_by_answers_two_are_about_one_and_hold_half(study, trained):
    for name, value, within in (("tied", "validation_loss", 0.01), ("answers", "token_f1", 0.02)):
        for two, one in (trained[f"{name}, {parallel}"] for parallel in ("ddp", "fsdp")):
            for ours, theirs in zip(history_of(two), history_of(one), strict=True):
                assert ours[value] == pytest.approx(theirs[value], rel=within, abs=0.02)
            assert name == "tied" or facts_of(two)["best_step"] == facts_of(one)["best_step"]
    for rank in (0, 1):
        held = json.loads(Path(f"{study.tied}-{rank}.json").read_text())
        assert held["processes"] == 2 and held["part"] == pytest.approx(0.5, abs=0.01)


SMALL = """
import torch
from papertune.jobs import distributed
from transformers import Trainer
real = Trainer.training_step
def step(trainer, model, inputs, *arguments, **rest):
    loss = real(trainer, model, inputs, *arguments, **rest)
    if distributed.rank() and trainer.state.global_step and len(inputs["labels"]) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory")
    return loss
Trainer.training_step = step
"""


@pytest.mark.slow
def test_where_one_has_no_memory_all_begin_anew_with_a_smaller_batch(study, monkeypatch):
    """The second process fails in its second update, while the first waits for it."""
    (script := study.folder / "small.py").write_text(SMALL)
    short = {"max_steps": 2, "evaluations": 1}
    one = study("memory-one", **short | {"batch_size": 1, "accumulation": 8})
    monkeypatch.setenv("WARM_JOBS_FIRST", str(script))
    job = study.start("memory-two", {"memory-two": short})
    assert job.end() == 0, job.said()
    assert "out of memory; continuing with at most" in job.said()
    assert "all processes restart" in job.said()
    two = study.folder / "memory-two/seed-1"
    assert facts_of(two)["batch"]["found"] and facts_of(two)["batch"]["examples"] == 4
    for ours, theirs in zip(history_of(two), history_of(one), strict=True):
        assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("whom", "number", "parts", "then"),
    [
        ("the job", signal.SIGTERM, False, "two"),
        ("a process", signal.SIGTERM, False, "two"),
        # with parts or with whole weights, many or one: a checkpoint is the same
        ("the job", signal.SIGKILL, True, "one"),
        ("the job", signal.SIGKILL, False, "two with parts"),
    ],
)
def test_interrupted_they_all_end_and_others_go_on(study, whom, number, parts, then):
    how = {"epochs": 24, "evaluations": 8}
    name, right = f"{whom} {number.name} {then}", f"right {number.name}"
    job = study.start(name, {name: how | {"sharded": parts}})
    job.wait_for("step 18/72")
    workers = job.workers()
    (job.process if whom == "the job" else workers[1]).send_signal(number)
    assert not psutil.wait_procs(workers, timeout=60)[1]
    assert job.end() == (75 if number == signal.SIGTERM else -number), job.said()
    if number == signal.SIGTERM:
        assert "the next attempt continues from it" in job.said() and "Traceback" not in job.said()
    left = list(study.checkpoints(name).glob("checkpoint-*"))
    assert left and all((folder / "whole").exists() for folder in left)
    assert not (study.folder / name).exists()

    undisturbed = study.folder / right / "seed-1"
    if not undisturbed.exists():
        (study.two if then == "two" else study)(right, **how)
    if then == "one":
        resumed = study(name, **how)
    else:
        resumed = study.two(name, **how | {"sharded": then == "two with parts"})
        assert "resuming from" in (study.folder / f"{name}.log").read_text()
    assert facts_of(resumed)["tokens_seen"] == facts_of(undisturbed)["tokens_seen"]
    assert history_of(resumed)[-1]["step"] == 72
    if then == "two":  # as if nothing had happened
        assert bytes_of(resumed) == bytes_of(undisturbed)
        for ours, theirs in zip(history_of(resumed), history_of(undisturbed), strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6)
    else:
        assert_close(resumed, undisturbed, rtol=1e-3, atol=1e-4)


def test_a_batch_that_cannot_be_shared_out_is_said():
    assert share_of(Training(batch_size=4, accumulation=3), 6, "m") == 2
    with pytest.raises(TrainingError, match="an update of 3 examples") as caught:
        share_of(Training(batch_size=3, accumulation=1), 2, "m")
    assert "with these settings 1, 3 processes can train" in caught.value.hint
