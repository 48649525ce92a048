"""Two runs at once in one directory: the second is told who is in its way and how to go on."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from end_to_end.conftest import new_files_study, small_study, write_study
from papertune.errors import BusyError
from papertune.jobs.running import (
    LOCKS,
    RUNS,
    Run,
    at_work,
    begin,
    forget_ended,
    lock_note,
    locked,
    make_way,
    runs,
)
from papertune.records import Document, write_records
from snakemake_run import ROOT, snakemake

HOST = socket.gethostname()


class Waiting:
    """A run whose first job waits for a site that never answers."""

    target = "results/small/listings/2020.jsonl"
    sign = "logs/small/listings/2020.log"  # that this job, and not only Snakemake, is at work

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        values = small_study()
        values["source"] = {"kind": "dblp", "url": f"http://127.0.0.1:{port}/{{year}}.html"}
        values["fetching"] = {
            "delay": 0,
            "retries": 0,
            "timeout": 120,
            "allow_hosts": ["127.0.0.1"],
        }
        study = write_study(folder, values)
        self.config = ("--config", f"experiments={study}")
        with (folder / "first.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
                    *("--workflow-profile", str(ROOT / "profiles/default"), "--cores", "2"),
                    *("--directory", str(folder), self.target, *self.config),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PAPERTUNE_CONTACT": "tests@papertune.example"},
            )
        end = time.monotonic() + 60
        while not (folder / self.sign).exists():
            assert self.process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.05)

    def log(self) -> str:
        return (self.folder / "first.log").read_text()

    def again(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.other(self.target, *arguments)

    def other(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return snakemake(self.folder, *arguments, *self.config, check=False)

    def kill(self) -> None:
        """SIGKILL the main process first, then its jobs; nothing can tidy up."""
        jobs = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for job in jobs:
            job.kill()
        self.process.wait()


class Refreshing(Waiting):
    """A refresh that waits for the site of the one year that is listed; its document has a text."""

    target, sign = "refresh", "logs/refresh.log"
    listing = Path("results/small/listings/2020.jsonl")

    def __init__(self, folder: Path, port: int) -> None:
        document = Document("1", "One", "https://a.example/1", 2020, "A text.", "listing")
        (folder / self.listing).parent.mkdir(parents=True)
        write_records(folder / self.listing, [document])
        super().__init__(folder, port)


@contextmanager
def at_work_in(folder: Path, kind: type[Waiting]) -> Iterator[Waiting]:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        run = kind(folder, deaf.getsockname()[1])
        yield run
        if run.process.poll() is None:
            run.kill()


@pytest.fixture
def first(tmp_path) -> Iterator[Waiting]:
    with at_work_in(tmp_path, Waiting) as run:
        yield run


@pytest.fixture
def refreshing(tmp_path) -> Iterator[Waiting]:
    with at_work_in(tmp_path, Refreshing) as run:
        yield run


@pytest.mark.slow
def test_a_second_run_is_told_who_is_at_work(first):
    second = first.again()
    assert second.returncode != 0
    assert f"Another run is at work in this directory: {first_line(first)}" in second.stdout
    assert f"`kill {first.process.pid}` lets its jobs finish" in second.stdout
    assert f"`kill -- -{first.process.pid}` stops them too" in second.stdout
    # plans are free, and refreshing waits
    assert first.again("--dry-run").returncode == 0
    assert first.other("refresh", "--dry-run").returncode == 0
    refresh = first.other("refresh")
    assert refresh.returncode != 0
    said = f"another run is at work here and may just be reading the listings: {first_line(first)}"
    assert said in refresh.stdout
    assert not (first.folder / "logs/refresh.log").exists()
    assert locked(first.folder), "the refusal has taken the lock from the first run"
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


@pytest.mark.slow
def test_while_a_refresh_replaces_listings_no_other_run_starts(refreshing):
    fetched = "results/small/fetched/2020.jsonl"
    who = first_line(refreshing)
    second = refreshing.other(fetched)
    assert second.returncode != 0
    assert f"a refresh is at work here and replaces the listings: {who}" in second.stdout
    assert "What to do: wait until it ends, or stop it and run again" in second.stdout
    assert f"`kill {refreshing.process.pid}`" in second.stdout
    assert not (refreshing.folder / "logs/small/fetched").exists(), "a job of the second run began"
    planned = refreshing.other(fetched, "--dry-run")
    assert planned.returncode == 0
    assert f"Another run is at work in this directory: {who}" in planned.stdout
    refresh = refreshing.again()
    assert refresh.returncode != 0
    assert f"a refresh is at work here and replaces the listings: {who}" in refresh.stdout
    # those that gave way have left nothing, and a refresh that was killed is in nobody's way
    assert first_line(refreshing) == who
    refreshing.kill()
    after = refreshing.other(fetched)
    assert after.returncode == 0, after.stdout
    assert "at work" not in after.stdout and "killed" not in after.stdout
    assert not list((refreshing.folder / RUNS).iterdir())


@pytest.mark.slow
def test_unlock_is_the_users_word_that_a_run_on_another_host_has_ended(tmp_path):
    study = new_files_study(tmp_path, one_file=True)
    left = write(tmp_path, me(host="node7", pid=4711, refreshes=True))
    said = study.run("--until", "list_documents", check=False)
    assert "a refresh is at work here and replaces the listings: ann on node7" in said
    assert "ssh node7 ps -p 4711" in said and "--unlock" in said
    assert not (tmp_path / "results/mine/listings").exists()
    study.run("--unlock")
    assert not left.exists()
    assert "at work" not in study.run("--until", "list_documents")


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
    path.write_text(json.dumps(asdict(run)))
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


def test_refreshing_and_other_runs_keep_out_of_each_others_way(tmp_path):
    make_way(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as sleep:
        other = me(pid=sleep.pid, started=psutil.Process(sleep.pid).create_time())
        write(tmp_path, other)
        make_way(tmp_path)  # what two ordinary runs share is up to Snakemake's locks
        with pytest.raises(BusyError, match=r"another run is at work here .*: ann on"):
            make_way(tmp_path, refreshes=True)
        write(tmp_path, replace(other, refreshes=True))
        for refreshes in (False, True):
            with pytest.raises(BusyError, match="a refresh is at work here") as caught:
                make_way(tmp_path, refreshes=refreshes)
            assert f"`kill {sleep.pid}`" in str(caught.value)
        sleep.kill()
    make_way(tmp_path, refreshes=True)


def test_a_refresh_on_another_host_has_no_lock_and_counts_all_the_same(tmp_path):
    path = write(tmp_path, me(host="node7", pid=4711, refreshes=True))
    assert "ann on node7" in lock_note(tmp_path)
    with pytest.raises(BusyError, match="a refresh is at work here"):
        make_way(tmp_path)
    forget_ended(tmp_path)
    assert not path.exists()
    make_way(tmp_path)


def test_a_killed_refresh_is_not_taken_for_the_holder_of_a_lock(tmp_path):
    lock(tmp_path)
    write(tmp_path, me(pid=2**22 + 1, refreshes=True))
    assert lock_note(tmp_path) == ""


def test_forgetting_leaves_runs_that_are_at_work(tmp_path):
    path = write(tmp_path, me())
    forget_ended(tmp_path)
    assert path.exists()


def test_a_number_that_another_process_has_got_is_not_the_run(tmp_path):
    lock(tmp_path)
    write(tmp_path, me(started=me().started - 3600))
    assert "A run was killed" in lock_note(tmp_path)


def test_what_a_killed_run_left_is_deleted_once_the_lock_is_gone(tmp_path):
    lock(tmp_path)
    path = write(tmp_path, me(pid=2**22 + 1))
    assert "A run was killed" in lock_note(tmp_path) and path.exists()
    shutil.rmtree(tmp_path / LOCKS)  # as --unlock does
    assert lock_note(tmp_path) == "" and not path.exists()


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
