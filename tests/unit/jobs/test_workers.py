"""Several processes in one job: what is dealt, what is told, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from papertune.jobs.workers import deal, divide, visible_gpus
from snakemake_run import ROOT

JOB = """
import sys
import shard_work
from papertune.jobs.progress import job_log
from papertune.jobs.workers import deal, run_shards
with job_log(sys.argv[1]):
    work, items = getattr(shard_work, sys.argv[3]), int(sys.argv[4])
    run_shards(work, deal(list(range(items)), 3), threads=7, folder=sys.argv[2])
"""


def test_batches_are_dealt_like_cards():
    assert deal("abcdefg", 3) == [["a", "d", "g"], ["b", "e"], ["c", "f"]]
    assert deal("ab", 5) == [["a"], ["b"]]
    assert deal("ab", 1) == [["a", "b"]]


def test_gpus_are_divided_or_shared():
    assert divide([], 2) == ["", ""]
    assert divide(["0", "1", "2", "3"], 2) == ["0,1", "2,3"]
    assert divide(["GPU-a", "GPU-b", "GPU-c"], 2) == ["GPU-a", "GPU-b,GPU-c"]
    assert divide(["0", "1"], 3) == ["0", "1", "0"]


@pytest.mark.parametrize(("given", "gpus"), [("2, 5", ["2", "5"]), ("MIG-a", ["MIG-a"]), ("", [])])
def test_the_gpus_are_those_that_the_job_was_given(monkeypatch, given, gpus):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert visible_gpus() == gpus


class Job:
    """A job of three workers in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "work", folder / "job.log"
        self.folder.mkdir()

    def start(self, work: str, items: int = 12) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOB, *map(str, (self.log, self.folder, work, items))],
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT / 'workflow/scripts'}:{ROOT / 'tests'}",
                "CUDA_VISIBLE_DEVICES": "4,5,6",
            },
        )

    def wait_for(self, pattern: str, count: int) -> list[Path]:
        end = time.monotonic() + 60
        while len(found := sorted(self.folder.glob(pattern))) < count:
            assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()
            time.sleep(0.01)
        return found

    def workers(self) -> list[int]:
        return [int(path.name[4:]) for path in self.wait_for("pid-*", 3)]

    def end(self) -> str:
        """What it told, once it ended; no worker outlives it."""
        told = self.process.communicate(timeout=60)[1]
        assert not [pid for pid in self.workers_seen() if psutil.pid_exists(pid)]
        return told

    def workers_seen(self) -> list[int]:
        return [int(path.name[4:]) for path in self.folder.glob("pid-*")]

    def items(self, what: str) -> set[int]:
        return {int(path.name.partition("-")[0]) for path in self.folder.glob(f"*-{what}")}


@pytest.fixture
def job(tmp_path):
    job = Job(tmp_path)
    yield job
    if job.process.poll() is None:
        job.process.kill()


def test_all_is_done_and_told(job):
    job.start("slowly", 5)
    told = job.end()
    assert job.process.returncode == 0
    assert job.items("done") == set(range(5))
    seen = sorted(path.read_text() for path in job.folder.glob("pid-*"))
    assert seen == ["2 4 [0, 3]", "2 5 [1, 4]", "2 6 [2]"]  # threads, GPU and part
    for text in (told, job.log.read_text()):
        for shard, count in (1, 2), (2, 2), (3, 1):
            assert f"shard {shard}/3: items: {count}/{count}" in text


@pytest.mark.parametrize("whom", ["the job", "a worker", "all"])
def test_asked_to_stop_they_end_what_they_are_at(job, whom):
    job.start("slowly")
    workers = job.workers()
    job.wait_for("*-begun", 4)
    start = time.monotonic()
    for pid in {"the job": [job.process.pid], "a worker": workers[1:2]}.get(
        whom, [job.process.pid, *workers]
    ):
        os.kill(pid, signal.SIGTERM)
    told = job.end()
    assert job.process.returncode == 75
    assert time.monotonic() - start < 3
    assert job.items("begun") == job.items("done") and len(job.items("done")) < 9
    assert "stopped by SIGTERM" in told and "Traceback" not in told
    if whom == "a worker":
        assert "SIGTERM to shard" in told


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.1, 0.3])
def test_a_signal_while_workers_start_is_not_lost(job, moment):
    job.start("slowly")
    while not (job.log.exists() and "3 processes" in job.log.read_text()):
        time.sleep(0.005)
    time.sleep(moment)
    job.process.terminate()
    told = job.end()
    assert job.process.returncode == 75, told
    assert job.items("begun") == job.items("done")


def test_a_worker_that_is_killed_fails_the_job_and_the_others_end_well(job):
    job.start("slowly")
    victim = job.workers()[1]
    job.wait_for("*-done", 3)
    os.kill(victim, signal.SIGKILL)
    told = job.end()
    assert job.process.returncode == 1
    for text in (told, job.log.read_text()):
        assert "was killed by SIGKILL" in text and "compute.memory_mb" in text
        assert "Traceback" not in text
    assert len(job.items("begun") - job.items("done")) <= 1
    assert len(job.items("done")) < 12


def test_an_error_of_a_worker_is_the_jobs(job):
    job.start("failing")
    told = job.end()
    assert job.process.returncode == 1
    assert "generators.g: shard 2/3: no ink\n  What to do: buy some" in told
    assert "Traceback" not in told
    assert job.items("begun") == job.items("done") != set()


def test_an_error_that_nobody_expected_is_told_with_its_traceback(job):
    job.start("breaking")
    told = job.end()
    assert job.process.returncode == 1
    assert "shard 2/3 ended with status 1: ValueError: odd" in told
    assert "shard 2/3: Traceback (most recent call last):" in job.log.read_text()


def test_workers_do_not_outlive_a_killed_job(job):
    job.start("slowly")
    workers = [psutil.Process(pid) for pid in job.workers()]
    job.process.kill()
    gone, alive = psutil.wait_procs(workers, timeout=5)
    assert len(gone) == 3 and not alive
    assert job.items("begun") == job.items("done")
    job.process.communicate()


def test_interrupt_from_the_keyboard_ends_them_at_once(job):
    job.start("slowly")
    job.workers()
    job.process.send_signal(signal.SIGINT)
    told = job.end()
    assert job.process.returncode == -signal.SIGINT
    assert told.count("KeyboardInterrupt") == 1
