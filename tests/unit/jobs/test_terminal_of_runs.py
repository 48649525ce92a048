"""The terminal: complete lines, jobs in plain words, and never silent for long."""

import io
import os
import sys
import time

import pytest

from papertune.jobs.terminal import SILENT, Job, Terminal, duration

TIME = "2026-01-31 12:00:00,000"


class Typed(io.StringIO):
    """What a person would see."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal(io.StringIO())
    terminal.plan({"train": 2, "score": 3, "compare": 1}, 7)
    return terminal


def said(terminal: Terminal) -> list[str]:
    return terminal.out.getvalue().splitlines()  # type: ignore[attr-defined]


def test_long_jobs_have_a_line_each_and_quick_ones_one_for_all(terminal):
    for number, (rule, several) in enumerate([("train", False)] * 2 + [("score", True)] * 3):
        terminal.starts(number, Job(rule, f"{rule} {number}"), several=several)
    terminal.starts(9, Job("compare", "compares"), several=True)
    lines = [line.partition(" ")[2] for line in said(terminal)]
    assert lines == ["train 0", "train 1", "score 2, the first of 3 such jobs", "compares"]


def test_a_job_that_starts_again_says_so_and_a_long_one_how_long_it_took(terminal):
    terminal.starts(1, Job("score", "scores"), several=True)
    terminal.starts(2, Job("score", "scores more"), several=True)
    terminal.ends(2, well=False)
    terminal.starts(2, Job("score", "scores more", since=time.time() - 250), several=True)
    terminal.ends(2)
    again, done = said(terminal)[1:]
    assert "again: scores more" in again and "scores more: done in 4 min 10 s" in done


def test_the_line_of_progress_tells_what_a_job_says_and_what_waits(terminal, tmp_path):
    log = tmp_path / "a.log"
    job = Job("train", "trains a", str(log), submitted=True)
    terminal.log = "run.log"
    terminal.starts(1, job, several=False)
    terminal.counts(3, 7)
    assert terminal.status() == "3 of 7 jobs | 0 running, 1 in the queue"
    log.write_text("")
    assert terminal.status().endswith("| trains a: loads its libraries")
    log.write_text(f"{TIME} INFO papertune: step 3/40\n\x1b[31m{TIME} INFO papertune: step\n")
    assert "\x1b" not in terminal.status()
    log.write_text(f"{TIME} INFO papertune: step 3/40 (2.1/s)\n")
    terminal.remains("about 4 minutes left")
    assert terminal.status() == "3 of 7 jobs | about 4 minutes left | trains a: step 3/40 (2.1/s)"
    os.utime(log, (1, 1))  # of an earlier attempt
    assert "in the queue" in terminal.status()


def test_warnings_are_counted_at_the_end(terminal, tmp_path):
    log = tmp_path / "a.log"
    log.write_text(f"{TIME} WARNING papertune: b\n{TIME} INFO papertune: WARNING c\n" * 2)
    terminal.starts(1, Job("train", "trains", str(log)), several=False)
    terminal.ends(1)
    terminal.log = "run.log"
    assert "train 2" in terminal.words_of_end() and "run.log" in terminal.words_of_end()


def test_lines_are_whole_and_stand_above_the_line_of_progress():
    terminal = Terminal(screen := Typed())
    terminal.watch()
    try:
        time.sleep(1.5)
        assert "planning (1 s)" in screen.getvalue()
        print("one ", end="", file=terminal)
        assert "one" not in screen.getvalue()
        print("line", file=terminal)
        shown = screen.getvalue()
        # the line of progress is wiped, and comes again below
        before = shown.index("one line")
        assert shown[:before].endswith("\r") and "planning" in shown[before:]
    finally:
        terminal.end()
    assert screen.getvalue().endswith("\r")


def test_what_jobs_print_goes_to_the_log_and_what_the_run_says_does_not(tmp_path, capfd):
    log = tmp_path / "run.log"
    log.write_text("begins\n")
    terminal = Terminal(sys.stderr)
    terminal.watch()
    terminal.begin(log)
    try:
        os.system("echo of a job; echo wrong >&2")
        print("of the run", file=sys.stderr)
    finally:
        terminal.end()
    os.system("echo after >&2")
    assert log.read_text() == "begins\nof a job\nwrong\n"
    assert capfd.readouterr().err == "of the run\nafter\n"
    assert sys.stderr is not terminal


def test_in_a_file_something_is_said_every_ten_seconds_and_seldom_later(monkeypatch):
    terminal = Terminal(sys.stderr)
    monkeypatch.setattr(terminal, "out", io.StringIO())
    now, past = time.monotonic(), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now + past[0])

    def wait(seconds: float) -> bool:
        past[0] += seconds
        return past[0] > 20_000

    monkeypatch.setattr(terminal.over, "wait", wait)
    terminal.watch()
    terminal.thread.join()
    terminal.end()
    assert 10_000 / SILENT > len(said(terminal)) > 100


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(8.2, "8 s"), (250, "4 min 10 s"), (7500, "2 h 5 min"), (59.7, "1 min 0 s")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
