"""Several processes that train one model: the result of one process, and how they end."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import validate_call

from papertune.errors import TrainingError
from papertune.jobs.team import Team, team_of
from papertune.records import Pair, write_records
from papertune.study.settings import Training
from papertune.training import train as training
from snakemake_run import ROOT
from tiny_models import make_model

pytestmark = pytest.mark.usefixtures("warm")

JOB = """
import json, sys
from papertune.jobs.progress import job_log
from papertune.jobs.team import Team, run
from several_trainings import train_several
with job_log(sys.argv[1]):
    run(train_several, Team(**json.loads(sys.argv[2])), **json.loads(sys.argv[3]))
"""
COLOURS = ["red", "green", "blue", "grey", "brown", "black"]
# updates of 8 examples: 22 leave 6 for the last of an epoch, and one process's batch is empty then
TRAINING = {
    "epochs": 2, "batch_size": 2, "accumulation": 4, "learning_rate": 5e-3, "max_length": 96,
    "evaluations": 3,
}  # fmt: skip


def pairs(first: int, count: int) -> list[Pair]:
    return [
        Pair(
            id=f"p{i}", document=f"d{i}", year=2010, instruction="Answer",
            context=f"Cache {i} is {COLOURS[i % 6]}." * (1 + i % 3), question=f"Cache {i}?",
            answer=COLOURS[i % 6], generator="rules",
        )
        for i in range(first, first + count)
    ]  # fmt: skip


class Study:
    """A base, pairs, and what is trained of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.base = folder, make_model(folder / "base")
        self.tied = make_model(folder / "tied", family="gpt2")
        write_records(folder / "train.jsonl", pairs(0, 22))
        write_records(folder / "validation.jsonl", pairs(22, 20))

    def arguments(
        self, name: str, method: str = "full", sharded: bool = False, **changes: Any
    ) -> dict[str, Any]:
        return {
            "recipe": {
                "method": method,
                "training": TRAINING | changes,
                "lora": {"rank": 4, "alpha": 32, "dropout": 0.0},
                "prompt": "$instruction $context $question",
                "sharded": sharded,
            },
            "train": str(self.folder / "train.jsonl"),
            "validation": str(self.folder / "validation.jsonl"),
            "base": str(self.tied if name.startswith("tied") else self.base),
            "seed": 1,
            "output": str(self.folder / name),
            "checkpoints": str(self.folder / "checkpoints" / name),
        }

    def alone(self, name: str, **how: Any) -> Path:
        """In this process."""
        values = self.arguments(name, **how)
        validate_call(training.train)(**values, threads=1)
        return Path(values["output"])

    def start(self, name: str, team: dict[str, Any] | None = None, **how: Any) -> Job:
        return Job(self, name, {"each": 2, "threads": 2} | (team or {}), {name: how})

    def together(self, name: str, **how: Any) -> Path:
        """By two processes."""
        return self.all_together(name, {name: how})[0]

    def all_together(self, name: str, runs: dict[str, dict[str, Any]], **also: Any) -> list[Path]:
        """Several models, one after the other, by two processes."""
        job = Job(self, name, {"each": 2, "threads": 2}, runs, **also)
        assert job.end() == 0, job.said()
        return [self.folder / one for one in runs]


def _path() -> str:
    here = [str(ROOT / "workflow/scripts"), str(ROOT / "tests")]
    return os.pathsep.join(filter(None, [*here, os.environ.get("PYTHONPATH")]))


class Job:
    """A job whose work several processes do."""

    def __init__(
        self,
        study: Study,
        name: str,
        team: dict[str, Any],
        runs: dict[str, dict[str, Any]],
        **also: Any,
    ) -> None:
        self.log = study.folder / f"{name}.log"
        self.log.write_text("")
        wanted = [study.arguments(one, **how) for one, how in runs.items()]
        arguments = json.dumps({"runs": wanted, **also})
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOB, str(self.log), json.dumps(team), arguments],
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": _path()},
        )

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + 90
        while text not in self.said():
            assert time.monotonic() < end and self.process.poll() is None, self.said()
            time.sleep(0.02)

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def end(self) -> int:
        """Its exit status; none of its processes outlives it."""
        workers = self.workers() if self.process.poll() is None else []
        try:
            status = self.process.wait(120)
        finally:
            self.process.kill()
        assert not psutil.wait_procs(workers, timeout=20)[1]
        return status


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("study"))


def weights(folder: Path) -> Any:
    from safetensors.torch import load_file

    (path,) = folder.glob("*.safetensors")
    return load_file(path)


def history(folder: Path) -> list[dict[str, float]]:
    with (folder / "history.csv").open() as stream:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]


def facts(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "training.json").read_text())


def test_how_many_processes_a_job_has():
    assert team_of({"gpu": 0}, 4) == Team(1, 1, 4)
    assert team_of({"gpu": 4, "launcher": "srun"}, 4) == Team(1, 4, 4)
    assert team_of({"gpu": 4, "nodes": 2, "launcher": "srun"}, 4) == Team(2, 2, 4, "srun")
    assert team_of({"gpu": 0, "nodes": 2, "launcher": "srun"}, 4) == Team(2, 1, 4, "srun")
    # on a machine without a launcher there is this node only, and the GPUs that it gives
    assert team_of({"gpu": 1, "nodes": 2}, 4) == Team(1, 1, 4)


def test_a_launcher_is_given_its_numbers():
    team = Team(2, 4, 8, "srun -N {nodes} --ntasks-per-node={processes} -c {threads}")
    assert team.command() == ["srun", "-N", "2", "--ntasks-per-node=4", "-c", "2"]


def test_one_process_loads_nothing_of_torch_distributed():
    code = (
        "import sys\nfrom papertune.jobs.team import Team, run\n"
        "run(lambda threads: print(threads, 'torch' in sys.modules), Team(threads=3))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")},
    )  # fmt: skip
    assert run.stdout == "3 False\n"


ANSWERS = {"best_by": "token_f1", "best_sample": 20, "best_new_tokens": 6, "max_steps": 2}
AGAIN = {"gradient_checkpointing": True}
# what two processes train, and what one is to train for it
TOGETHER: dict[str, dict[str, Any]] = {
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
    folders = study.all_together("two", TOGETHER, parts_of=str(study.tied))
    two = dict(zip(TOGETHER, folders, strict=True))
    alone = {name: how for name, how in TOGETHER.items() if name.endswith("ddp")}
    one = {name: study.alone(f"{name}, one", **how) for name, how in alone.items()}
    return {name: (two[name], one[name.replace("fsdp", "ddp")]) for name in TOGETHER}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full, ddp", "lora, ddp", "full, fsdp", "lora, fsdp"])
def test_two_processes_train_what_one_trains(study, trained, name):
    import torch

    two, one = trained[name]
    assert (facts(one)["processes"], facts(two)["processes"]) == (1, 2)
    for fact in ("steps", "best_step", "tokens_seen", "examples", "trainable_parameters"):
        assert facts(two)[fact] == facts(one)[fact]
    again = AGAIN if name == "lora, fsdp" else {}
    assert facts(two)["settings"] == facts(one)["settings"] | again
    assert len(history(one)) == 3
    for ours, theirs in zip(history(two), history(one), strict=True):
        for row in (ours, theirs):  # the share of an epoch is one of batches
            del row["seconds"], row["epoch"]
        assert ours == pytest.approx(theirs, rel=1e-4)
    before, ours, theirs = weights(study.base), weights(two), weights(one)
    assert sorted(ours) == sorted(theirs)
    for key, values in theirs.items():
        torch.testing.assert_close(ours[key], values, rtol=1e-4, atol=1e-4 if again else 1e-5)
        if key in before:  # they have gone far from where they were
            assert (values - before[key]).abs().max() > 1e-3
    assert sorted(path.name for path in two.iterdir()) == sorted(p.name for p in one.iterdir())
    if (one / "config.json").exists():
        assert (two / "config.json").read_text() == (one / "config.json").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tied, ddp", "tied, fsdp"])
def test_two_processes_train_in_bf16_about_what_one_trains(trained, name):
    two, one = trained[name]
    for ours, theirs in zip(history(two), history(one), strict=True):
        assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], rel=0.01)


@pytest.mark.slow
def test_each_of_two_processes_holds_half_of_the_weights(study, trained):
    for rank in (0, 1):
        held = json.loads(Path(f"{study.tied}-{rank}.json").read_text())
        assert held["processes"] == 2 and held["part"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["answers, ddp", "answers, fsdp"])
def test_two_processes_judge_what_one_judges(trained, name):
    two, one = trained[name]
    for ours, theirs in zip(history(two), history(one), strict=True):
        assert ours["token_f1"] == pytest.approx(theirs["token_f1"], abs=0.02)
    assert facts(two)["best_step"] == facts(one)["best_step"]


SMALL = """
import torch
from papertune.jobs import distributed
from papertune.training.several.ddp import TogetherTrainer
real = TogetherTrainer.training_step
def step(trainer, model, inputs, *arguments, **rest):
    loss = real(trainer, model, inputs, *arguments, **rest)
    if distributed.rank() and trainer.state.global_step and len(inputs["labels"]) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory")
    return loss
TogetherTrainer.training_step = step
"""


@pytest.mark.slow
def test_where_one_has_no_memory_all_begin_anew_with_a_smaller_batch(study, monkeypatch):
    """The second process fails in its second update, while the first waits for it."""
    (script := study.folder / "small.py").write_text(SMALL)
    short = {"max_steps": 2, "evaluations": 1}
    one = study.alone("memory-one", batch_size=1, accumulation=8, **short)
    monkeypatch.setenv("WARM_JOBS_FIRST", str(script))
    job = study.start("memory-two", find_batch=True, **short)
    assert job.end() == 0, job.said()
    assert "out of memory with a batch of 2; going on with 1" in job.said()
    assert "all processes begin anew" in job.said()
    two = study.folder / "memory-two"
    assert facts(two)["batch"] == {"size": 1, "accumulation": 4, "found": True}
    for ours, theirs in zip(history(two), history(one), strict=True):
        assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["the job", "a process"])
def test_stopped_at_one_step_they_go_on_as_if_nothing_had_happened(study, whom):
    how = {"epochs": 24, "evaluations": 8}
    undisturbed = study.folder / "undisturbed"
    if not undisturbed.exists():
        study.together("undisturbed", **how)
    job = study.start(name := f"stopped {whom}", **how)
    job.wait_for("step 18/72")
    (job.process if whom == "the job" else job.workers()[1]).send_signal(signal.SIGTERM)
    assert job.end() == 75, job.said()
    assert "the next attempt goes on from it" in job.said() and "Traceback" not in job.said()
    left = list((study.folder / "checkpoints" / name).glob("checkpoint-*"))
    assert left and all((folder / "whole").exists() for folder in left)
    resumed = study.together(name, **how)
    assert "going on from" in (study.folder / f"{name}.log").read_text()
    assert history(resumed)[-1]["step"] == 72
    (ours,), (theirs,) = resumed.glob("*.safetensors"), undisturbed.glob("*.safetensors")
    assert ours.read_bytes() == theirs.read_bytes()
    for a, b in zip(history(resumed), history(undisturbed), strict=True):
        assert a | {"seconds": 0} == pytest.approx(b | {"seconds": 0}, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("then", ["one process", "two with parts"])
def test_processes_of_a_killed_job_stop_and_others_go_on(study, then):
    """With parts or with whole weights, many or one: a checkpoint is the same."""
    import torch

    how = {"epochs": 12, "evaluations": 12}
    name = f"left to {then}"
    job = study.start(name, sharded=then == "one process", **how)
    job.wait_for("step 12/36")
    workers = job.workers()
    job.process.kill()
    job.process.wait()
    assert not psutil.wait_procs(workers, timeout=20)[1]
    left = list((study.folder / "checkpoints" / name).glob("checkpoint-*"))
    assert left and all((folder / "whole").exists() for folder in left)
    assert not (study.folder / name).exists()
    undisturbed = study.folder / "right"
    if not undisturbed.exists():
        study.alone("right", **how)
    if then == "one process":
        resumed = study.alone(name, **how)
    else:
        resumed = study.together(name, sharded=True, **how)
        assert "going on from" in (study.folder / f"{name}.log").read_text()
    assert facts(resumed)["tokens_seen"] == facts(undisturbed)["tokens_seen"]
    ours = weights(resumed)
    for name, values in weights(undisturbed).items():
        torch.testing.assert_close(ours[name], values, rtol=1e-3, atol=1e-4)


def test_a_batch_that_cannot_be_shared_out_is_said():
    from papertune.training.several.ddp import share_out

    assert share_out(Training(batch_size=4, accumulation=3), 6, "m") == (2, 1)
    with pytest.raises(TrainingError, match="an update of 3 examples") as caught:
        share_out(Training(batch_size=3, accumulation=1), 2, "m")
    assert "with these settings 1, 3 processes can train" in caught.value.hint


@pytest.mark.slow
def test_a_process_that_is_killed_ends_them_all(study):
    job = study.start("killed", epochs=400, evaluations=100)
    job.wait_for("step ")
    job.workers()[1].kill()
    assert job.end() == 1
    assert "was killed by SIGKILL" in job.said() and "compute.memory_mb" in job.said()


@pytest.mark.slow
def test_a_launcher_that_starts_too_many_is_told_from_others(study):
    launcher = """sh -c '"$@" & "$@" & "$@" & wait' sh"""
    job = study.start("many", {"nodes": 2, "each": 1, "launcher": launcher})
    assert job.end() == 1
    assert "the launcher started more than 2 processes" in job.said()
