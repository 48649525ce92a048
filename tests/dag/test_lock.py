"""Two runs at once in one directory: the second names the first, and says how to continue."""

import json
import os
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
from papertune.jobs import running
from papertune.jobs.running import LOCKS, RUNS, Run, lock_note, runs
from papertune.records import Document, write_records
from snakemake_run import ROOT, snakemake


class Waiting:
    """A run whose first job waits for a site that never answers."""

    target = "results/small/listings/2020.jsonl"
    sign = "logs/small/listings/2020.log"  # that this job, and not only Snakemake, is at work

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        url = f"http://127.0.0.1:{port}/{{year}}.html"
        quick = {"delay": 0, "retries": 0, "timeout": 120, "allow_hosts": ["127.0.0.1"]}
        study = small_study() | {"source": {"kind": "dblp", "url": url}, "fetching": quick}
        self.config = ("--config", f"experiments={write_study(folder, study)}")
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
        [found] = runs(folder)
        assert found.pid == self.process.pid and found.alive
        self.who = str(found)

    def log(self) -> str:
        return (self.folder / "first.log").read_text()

    def again(self, *arguments: str, ends_well: bool = True) -> str:
        """What another run of the same says."""
        return self.other(self.target, *arguments, ends_well=ends_well)

    def other(self, *arguments: str, ends_well: bool = True) -> str:
        run = snakemake(self.folder, *arguments, *self.config, check=False)
        assert (run.returncode == 0) == ends_well, run.stdout
        return run.stdout

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

    def __init__(self, folder: Path, port: int) -> None:
        document = Document("1", "One", "https://a.example/1", 2020, "A text.", "listing")
        write_records(folder / Waiting.target, [document])
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


@pytest.mark.slow
def test_a_second_run_is_told_who_is_at_work(first):
    said = first.again(ends_well=False)
    assert f"Another run is at work in this directory: {first.who}" in said
    assert f"`kill {first.process.pid}` lets its jobs finish" in said
    assert f"`kill -- -{first.process.pid}` stops them too" in said
    # plans are free, and refreshing waits
    first.again("--dry-run")
    first.other("refresh", "--dry-run")
    said = first.other("refresh", ends_well=False)
    assert f"another run is active here and may be reading the listings: {first.who}" in said
    assert not (first.folder / "logs/refresh.log").exists()
    assert running.locked(first.folder), "the refusal has taken the lock from the first run"
    # the advice works
    os.killpg(first.process.pid, signal.SIGTERM)
    first.process.wait(60)
    assert not list((first.folder / RUNS).iterdir())
    assert "at work" not in first.again("--dry-run")
    assert "at work" not in first.log(), "a job of the run took its own run for another"


@pytest.mark.slow
def test_a_run_that_ends_gives_back_its_own_locks_alone(first):
    kept = {path.name for path in (first.folder / LOCKS).iterdir()}
    document = Document("1", "One", "https://a.example/1", 2022, "A text.", "listing")
    write_records(first.folder / "results/small/listings/2022.jsonl", [document])
    first.other("results/small/fetched/2022.jsonl")
    assert kept == {path.name for path in (first.folder / LOCKS).iterdir()}
    first.again(ends_well=False)
    first.kill()
    first.again("--unlock")
    assert not running.locked(first.folder)


@pytest.mark.slow
def test_after_a_kill_the_next_run_is_told_how_to_go_on(first):
    first.kill()
    said = first.again(ends_well=False)
    assert "A run was killed and left this directory locked" in said
    assert f"process {first.process.pid}" in said
    assert "run your command once with --unlock" in said
    assert "was killed" not in first.again("--unlock")
    assert "was killed" not in first.again("--dry-run")


@pytest.mark.slow
def test_while_a_refresh_replaces_listings_no_other_run_starts(tmp_path):
    with at_work_in(tmp_path, Refreshing) as refreshing:
        fetched = "results/small/fetched/2020.jsonl"
        refused = f"a refresh is replacing the listings here: {refreshing.who}"
        said = refreshing.other(fetched, ends_well=False)
        assert refused in said
        assert "What to do: wait until it ends, or stop it and run again" in said
        assert f"`kill {refreshing.process.pid}`" in said
        assert not (tmp_path / "logs/small/fetched").exists(), "a job of the second run began"
        planned = refreshing.other(fetched, "--dry-run")
        assert f"Another run is at work in this directory: {refreshing.who}" in planned
        assert refused in refreshing.again(ends_well=False)
        # those that gave way have left nothing, and a refresh that was killed is in nobody's way
        assert [str(run) for run in runs(tmp_path)] == [refreshing.who]
        refreshing.kill()
        said = refreshing.other(fetched)
        assert "at work" not in said and "killed" not in said
        assert not list((tmp_path / RUNS).iterdir())


@pytest.mark.slow
def test_unlock_is_the_users_word_that_a_run_on_another_host_has_ended(tmp_path):
    study = new_files_study(tmp_path, one_file=True)
    left = write(tmp_path, **AWAY, refreshes=True)
    said = study.run("--until", "list_documents", check=False)
    assert "a refresh is replacing the listings here: ann on node7" in said
    assert "ssh node7 ps -p 4711" in said and "--unlock" in said
    assert not (tmp_path / "results/mine/listings").exists()
    study.run("--unlock")
    assert not left.exists()
    assert "at work" not in study.run("--until", "list_documents")


# ---- without Snakemake --------------------------------------------------------

STARTED = psutil.Process().create_time()
ME = Run("ann", socket.gethostname(), os.getpid(), STARTED, "snakemake")
AWAY = {"host": "node7", "pid": 4711}
DEAD = {"pid": 2**22 + 1}


def lock(folder: Path) -> None:
    (folder / LOCKS).mkdir(parents=True, exist_ok=True)
    (folder / LOCKS / "0.output.lock").write_text("results/x\n")


def write(folder: Path, **changes) -> Path:
    path = folder / RUNS / "a.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(replace(ME, **changes))))
    return path


@pytest.mark.parametrize(
    ("run", "locks", "note", "in_the_way", "stays"),
    [
        ({}, True, "Another run is at work", 0, True),  # but is not in its own way
        ({"command": "snakemake \x1b[2J\n"}, True, r": snakemake \x1b[2J", 0, True),
        (AWAY, True, "A run on another host", 1, True),
        (AWAY, False, "", 0, False),
        (
            AWAY | {"refreshes": True},
            False,
            "ann on node7, process 4711",
            1,
            True,
        ),  # it has no lock
        (DEAD, True, "A run was killed", 0, True),
        (DEAD, False, "", 0, False),  # as after --unlock
        (DEAD | {"refreshes": True}, True, "", 0, False),  # it never held the lock
        ({"started": STARTED - 3600}, True, "A run was killed", 0, True),  # another has its number
    ],
)
def test_what_is_said_of_a_run_and_whether_its_file_stays(
    tmp_path, run, locks, note, in_the_way, stays
):
    path = write(tmp_path, **run)
    if locks:
        lock(tmp_path)
    said = lock_note(tmp_path)
    assert note in said if note else not said
    assert len(running.at_work(tmp_path)) == in_the_way
    assert path.exists() == stays
    running.forget_ended(tmp_path)
    # what is seen to be at work is not forgotten
    assert path.exists() == ("Another run" in said)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "\x00"])
def test_a_broken_file_is_passed_over(tmp_path, text):
    lock(tmp_path)
    write(tmp_path).write_text(text)
    assert lock_note(tmp_path) == "" and runs(tmp_path) == []


def test_a_run_that_cannot_write_its_file_goes_on(tmp_path):
    (tmp_path / ".snakemake").write_text("no folder")
    running.begin(tmp_path)
    assert runs(tmp_path) == []
