"""Several processes in one job: their arguments, their output, and how they end."""

import json
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from papertune.errors import TrainingError
from papertune.jobs import agent
from papertune.jobs.workers import Workers, deal, divide, workers_of
from processes import busy, python
from worker_jobs import Job

pytestmark = pytest.mark.usefixtures("warm")


def test_batches_are_dealt_like_cards_and_gpus_are_divided_or_shared():
    assert deal("abcdefg", 3) == [["a", "d", "g"], ["b", "e"], ["c", "f"]]
    assert deal("ab", 5) == [["a"], ["b"]]
    assert divide([], 2) == ["", ""]
    assert divide(["GPU-a", "GPU-b", "GPU-c"], 2) == ["GPU-a", "GPU-b,GPU-c"]
    assert divide(["0", "1"], 3) == ["0", "1", "0"]


@pytest.mark.parametrize(
    ("asked", "workers"),
    [
        ({"gpu": 4, "launcher": "srun"}, Workers(1, 4, 4)),
        ({"gpu": 4, "nodes": 2, "launcher": "srun"}, Workers(2, 2, 4, "srun")),
        ({"gpu": 0, "nodes": 2, "launcher": "srun"}, Workers(2, 1, 4, "srun")),
        # on a machine without a launcher there is this node only, and the GPUs that it gives
        ({"gpu": 1, "nodes": 2}, Workers(1, 1, 4)),
    ],
)
def test_how_many_processes_a_job_has(asked, workers):
    assert workers_of(asked, 4) == workers


def test_a_launcher_that_asks_for_something_else_is_named():
    with pytest.raises(TrainingError, match="not a launcher command: srun") as caught:
        Workers(2, 4, 8, "srun {cpus}").command()
    assert "launcher" in caught.value.where


def test_one_process_loads_nothing_of_torch():
    code = (
        "import sys\nfrom papertune.jobs.workers import Workers, run\n"
        "run(lambda threads: print(threads, 'torch' in sys.modules), Workers(threads=3))"
    )
    assert python(code).communicate()[0] == "3 False\n"


def test_what_several_processes_tell_at_once_is_told_line_by_line(tmp_path):
    code = """
from papertune.errors import PapertuneError
from papertune.jobs import agent
for number in range(2000):
    agent._tell(PapertuneError("lost", where="here", hint="look"))
"""
    told = tmp_path / "told"
    # they write to one place, as to the job's pipe, and without buffers, as torch has it
    with told.open("ab") as stream:
        several = [
            python(code, environment={"PYTHONUNBUFFERED": "1"}, stdout=stream) for _ in range(2)
        ]
        assert [one.wait() for one in several] == [0, 0]
    lines = told.read_text().splitlines()
    assert len(lines) == 4000
    assert all(json.loads(line.removeprefix(agent.FAILED))["what"] == "lost" for line in lines)


class Shards(Job):
    """A job of three workers that leave a file for each item that they begin and finish."""

    def __init__(self, folder: Path, work: str = "slowly", items: int = 12, **more: Any) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        more |= {"parts": deal(list(range(items)), 3), "threads": 7, "folder": str(self.folder)}
        super().__init__(folder / "job.log", work, **more)

    def items(self, what: str) -> set[int]:
        return {int(path.name.partition("-")[0]) for path in self.folder.glob(f"*-{what}")}

    def wait_for_items(self, what: str, count: int) -> None:
        self.wait_until(lambda: len(self.items(what)) >= count)


@pytest.fixture
def shards(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    return partial(Shards, tmp_path)


def test_all_is_done_and_told(shards):
    job = shards("slowly", 5)
    assert job.end() == 0
    assert job.items("done") == set(range(5))
    given = sorted(path.read_text() for path in job.folder.glob("worker-*"))
    assert given == ["2 4 [0, 3]", "2 5 [1, 4]", "2 6 [2]"]  # threads, GPU and part
    for shard, count in (1, 2), (2, 2), (3, 1):
        assert f"shard {shard}/3: items: {count}/{count}" in job.said()


@pytest.mark.parametrize("whom", ["the job", "a worker", "all"])
def test_asked_to_stop_they_end_what_they_are_at(shards, whom):
    job = shards()
    job.wait_for_items("begun", 4)
    start, workers = time.monotonic(), job.workers()
    if whom != "the job":
        for worker in workers[1:2] if whom == "a worker" else workers:
            worker.terminate()
    if whom != "a worker":
        job.process.terminate()
    assert job.end() == 75, job.said()
    assert time.monotonic() - start < 5 * busy()
    assert job.items("begun") == job.items("done") and len(job.items("done")) < 10
    assert "stopped by SIGTERM" in job.said() and "Traceback" not in job.said()
    if whom == "a worker":
        assert "SIGTERM to shard 2/3" in job.said()


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.3])
def test_a_signal_while_workers_start_is_not_lost(shards, moment):
    job = shards()
    job.wait_for("3 processes")
    time.sleep(moment)
    job.process.terminate()
    assert job.end() == 75, job.said()
    assert job.items("begun") == job.items("done"), job.said()


def test_a_worker_that_is_killed_fails_the_job_and_the_others_end_well(shards):
    job = shards()
    job.wait_for_items("done", 3)
    job.workers()[1].kill()
    assert job.end() == 1
    assert "shard 2/3 was killed by SIGKILL" in job.said()
    assert "compute.memory_mb" in job.said() and "Traceback" not in job.said()
    assert len(job.items("begun") - job.items("done")) <= 1 and len(job.items("done")) < 12


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (False, "generators.g: shard 2/3: no ink\n  What to do: buy some"),
        (True, "shard 2/3: ValueError: odd"),
    ],
)
def test_an_error_of_a_worker_is_the_jobs(shards, odd, said):
    job = shards("failing", odd=odd)
    assert job.end() == 1
    assert said in job.said() and ("shard 2/3: Traceback" in job.said()) == odd
    assert job.items("begun") == job.items("done")


def test_workers_do_not_outlive_a_killed_job(shards):
    job = shards()
    job.wait_for_items("begun", 3)
    workers = job.workers()
    job.process.kill()
    assert len(workers) == 3 and not psutil.wait_procs(workers, timeout=10 * busy(least=1))[1]
    assert job.items("begun") == job.items("done")


def test_interrupt_from_the_keyboard_ends_them_at_once(shards):
    job = shards()
    job.wait_for_items("begun", 3)
    job.process.send_signal(signal.SIGINT)
    assert job.end() == -signal.SIGINT


# ---- together -----------------------------------------------------------------


def test_of_those_that_work_together_the_one_that_was_killed_is_named(tmp_path):
    """The others fail of it."""
    job = Job(tmp_path / "job.log", "in_step", workers={"each": 2, "threads": 5})
    job.wait_for("step 3")
    assert "2 processes: " in job.said()
    job.workers()[1].kill()
    assert job.end() == 1
    assert "process 2/2 was killed by SIGKILL" in job.said()
    assert "compute.memory_mb" in job.said()


def test_an_error_for_people_is_told_and_not_what_it_did_to_others(tmp_path):
    job = Job(tmp_path / "job.log", "lost", workers={"each": 2, "threads": 2})
    assert job.end() == 1
    assert "no ink\n  What to do: buy some" in job.said(), job.said()


@pytest.mark.parametrize(
    ("launcher", "status", "said"),
    [
        ("""sh -c '"$@" & "$@" & wait' sh""", 0, "step 4"),  # their input is /dev/null
        ("""sh -c 'true | "$@" & true | "$@" & wait' sh""", 75, "a closed input to process"),
        ("""sh -c '"$@" & "$@" & "$@" & wait' sh""", 1, "started more than 2 processes"),
        ("sh -c 'echo no such node; exit 4' sh", 1, "ended with status 4: no such node"),
    ],
)
def test_a_launcher_starts_one_process_on_each_node(tmp_path, monkeypatch, launcher, status, said):
    monkeypatch.chdir(tmp_path)
    workers = {"nodes": 2, "each": 1, "launcher": launcher}
    job = Job(tmp_path / "job.log", "in_step", workers=workers, steps=5)
    assert job.end() == status, job.said()
    assert said in job.said()
    assert not list((tmp_path / ".snakemake").iterdir())
