"""Two runs at once in one directory: the second is told who holds the lock and how to go on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from end_to_end.conftest import new_files_study, small_study, write_study
from papertune.running import LOCKS, RUNS, Run, at_work, begin, lock_note, runs
from snakemake_run import ROOT, snakemake

HOST = socket.gethostname()


class Waiting:
    """A run whose first job waits for a site that never answers."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        values = small_study()
        values["source"] = {"kind": "dblp", "url": f"http://127.0.0.1:{port}/{{year}}.html"}
        values["fetching"] = {"delay": 0, "retries": 0, "timeout": 120}
        study = write_study(folder, values)
        self.asked = ("results/small/listings/2020.jsonl", "--config", f"experiments={study}")
        with (folder / "first.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
                    *("--workflow-profile", str(ROOT / "profiles/default"), "--cores", "2"),
                    *("--directory", str(folder), *self.asked),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PAPERTUNE_CONTACT": "tests@papertune.example"},
            )
        end = time.monotonic() + 60
        while not self.at_work():
            assert self.process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.05)

    def at_work(self) -> bool:
        """Its listing job, and not only Snakemake itself, is at work."""
        return (self.folder / "logs/small/listings/2020.log").exists()

    def log(self) -> str:
        return (self.folder / "first.log").read_text()

    def again(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return snakemake(self.folder, *self.asked, *arguments, check=False)

    def kill(self) -> None:
        """SIGKILL the main process first, then its jobs; nothing can tidy up."""
        jobs = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for job in jobs:
            job.kill()
        self.process.wait()


@pytest.fixture
def first(tmp_path) -> Iterator[Waiting]:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        run = Waiting(tmp_path, deaf.getsockname()[1])
        yield run
        if run.process.poll() is None:
            run.kill()


@pytest.mark.slow
def test_a_second_run_is_told_who_is_at_work(first):
    second = first.again()
    assert second.returncode != 0
    assert f"Another run is at work in this directory: {first_line(first)}" in second.stdout
    assert f"`kill {first.process.pid}` lets its jobs finish" in second.stdout
    assert f"`kill -- -{first.process.pid}` stops them too" in second.stdout
    # plans are free, and refreshing waits
    assert first.again("--dry-run").returncode == 0
    refresh = snakemake(first.folder, "refresh", *first.asked[1:], check=False)
    assert refresh.returncode != 0
    assert "another run is at work here" in refresh.stdout
    # the advice works
    os.killpg(first.process.pid, signal.SIGTERM)
    first.process.wait(60)
    assert not list((first.folder / RUNS).iterdir())
    assert "at work" not in first.again("--dry-run").stdout
    assert "at work" not in first.log(), "a job of the run took its own run for another"


@pytest.mark.slow
def test_after_a_kill_the_next_run_is_told_how_to_go_on(first):
    first.kill()
    second = first.again()
    assert second.returncode != 0
    assert "A run was killed and left this directory locked" in second.stdout
    assert f"process {first.process.pid}" in second.stdout
    assert "run your command once with --unlock" in second.stdout
    unlocked = first.again("--unlock")
    assert unlocked.returncode == 0, unlocked.stdout
    assert "was killed" not in unlocked.stdout
    planned = first.again("--dry-run")
    assert planned.returncode == 0
    assert "was killed" not in planned.stdout


def first_line(run: Waiting) -> str:
    [found] = runs(run.folder)
    assert found.pid == run.process.pid and found.alive
    return str(found)


@pytest.mark.slow
def test_jobs_of_a_run_are_no_second_run(tmp_path):
    study = new_files_study(tmp_path, one_file=True)
    said = study.run("--until", "list_documents")
    assert "at work" not in said and "locked" not in said
    assert not list((tmp_path / RUNS).iterdir())


# ---- without Snakemake --------------------------------------------------------


def lock(folder: Path) -> None:
    (folder / LOCKS).mkdir(parents=True, exist_ok=True)
    (folder / LOCKS / "0.output.lock").write_text("results/x\n")


def write(folder: Path, run: Run, name: str = "a") -> Path:
    path = folder / RUNS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {field: getattr(run, field) for field in Run.__dataclass_fields__}
    path.write_text(json.dumps(values))
    return path


def me(**changes) -> Run:
    started = psutil.Process().create_time()
    values = {"user": "ann", "host": HOST, "pid": os.getpid(), "started": started}
    return Run(**{**values, "command": "snakemake", **changes})


def test_a_run_on_another_host_is_looked_for_there(tmp_path):
    lock(tmp_path)
    write(tmp_path, me(host="node7", pid=4711))
    note = lock_note(tmp_path)
    assert "A run on another host" in note
    assert "ann on node7, process 4711" in note
    assert "ssh node7 ps -p 4711" in note and "--unlock" in note
    assert len(at_work(tmp_path)) == 1


def test_a_number_that_another_process_has_got_is_not_the_run(tmp_path):
    lock(tmp_path)
    write(tmp_path, me(started=me().started - 3600))
    assert "A run was killed" in lock_note(tmp_path)


def test_what_a_killed_run_left_is_deleted_once_the_lock_is_gone(tmp_path):
    path = write(tmp_path, me(pid=2**22 + 1))
    assert lock_note(tmp_path) == "" and path.exists()
    assert runs(tmp_path) == [] and not path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "\x00"])
def test_a_broken_file_is_passed_over(tmp_path, text):
    lock(tmp_path)
    write(tmp_path, me()).write_text(text)
    assert lock_note(tmp_path) == ""


def test_nothing_there_nothing_said(tmp_path):
    assert lock_note(tmp_path) == "" and runs(tmp_path) == [] and at_work(tmp_path) == []


def test_a_run_that_cannot_write_its_file_goes_on(tmp_path):
    (tmp_path / ".snakemake").write_text("no folder")
    begin(tmp_path)
    assert runs(tmp_path) == []


def test_control_characters_do_not_reach_the_terminal(tmp_path):
    lock(tmp_path)
    write(tmp_path, me(command="snakemake \x1b[2J\n"))
    assert "\x1b" not in lock_note(tmp_path)
    assert at_work(tmp_path) == [], "a process is not in its own way"
