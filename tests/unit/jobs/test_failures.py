"""Reports of failed jobs, from their logs and from how they ended."""

import os

import pytest

from papertune.jobs.failures import (
    FIRST_WORDS,
    MOST,
    Failure,
    failure_of,
    last_error,
    of_snakemake,
    summary,
)

LINE = "2026-01-02 03:04:05,678"
ERROR = f"{LINE} ERROR papertune: data/x.csv: no column is the title\n  What to do: name it\n"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "job.log"


def test_the_last_error_of_a_log_is_what_the_job_ended_with(log):
    early = f"{LINE} ERROR papertune.agent: an earlier one\n"
    end = f"{ERROR}  Log: {log}\n"
    log.write_text(f"{LINE} INFO papertune: hello\n{early}{end}{LINE} WARNING x: at the end\n")
    assert last_error(log) == "data/x.csv: no column is the title\n  What to do: name it"
    log.write_text(early)  # of one that was killed later
    assert last_error(log) == ""
    log.write_bytes(b"\xff" * 200_000 + b"\n" + end.encode())
    assert "no column" in last_error(log)


def test_a_log_of_an_earlier_attempt_says_nothing_of_this_one(log):
    log.write_text(f"{ERROR}  Log: {log}\n")
    os.utime(log, (1000, 1000))
    assert last_error(log, since=2000.0) == "" and last_error(log, since=900.0)
    assert last_error(log.with_name("none.log")) == ""


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ("Command 'x' returned non-zero exit status 137.", ["SIGKILL", "memory"]),
        ("Command 'x' died with <Signals.SIGKILL: 9>.", ["SIGKILL", "memory"]),
        ("Command 'x' returned non-zero exit status 139.", ["SIGSEGV", "report it"]),
        ("Command 'x' returned non-zero exit status 143.", ["SIGTERM", "again"]),
        ("Command 'x' returned non-zero exit status 75.", ["SIGTERM", "again"]),
        ("Command 'x' returned non-zero exit status 1.", ["status 1", "make install"]),
        ("SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'.", ["OUT_OF_MEMORY"]),
        ("", ["not known"]),
    ],
)
def test_who_could_not_say_why_is_told_of_by_how_it_ended(log, ended, words):
    log.write_text(f"{LINE} INFO papertune: 3/40\n")
    told = failure_of("train", {"model": "a"}, [str(log)], ended=ended)
    assert not told.said and f"Log: {log}" in str(told)
    for word in words:
        assert word in told.words


def test_on_a_cluster_what_the_job_and_what_the_cluster_says_are_told(log):
    log.write_text(f"{ERROR}  Log: {log}\n")
    told = failure_of("train", {}, [str(log), "slurm.log"], ended="status: 'FAILED'", here=False)
    assert not told.said and "no column" in told.words and "'FAILED'" in told.words
    assert "slurm.log" in str(told)
    assert failure_of("train", {}, [str(log)], ended="exit status 1").said


def test_of_many_each_has_a_line_and_one_its_words(log):
    jobs = [Failure(f"score n={n}", f"{'long ' * 100}{n}\nmore", ("a.log",)) for n in range(30)]
    lines = summary(jobs, 5).splitlines()
    assert lines[0] == "30 jobs failed, 5 more could not begin:"
    assert lines[MOST + 1].strip() == "… and 10 more"
    assert all(len(line) < FIRST_WORDS + 20 for line in lines[1:MOST])
    assert lines[-1] == "  Log: a.log" and "  more" in lines
    assert summary(jobs[:1]).startswith("1 job failed:\nscore n=0\n")


def test_a_run_that_was_stopped_has_no_failures():
    assert "stopped" in summary([], 3) and "3 jobs" in summary([], 3)
    assert "the same command" in summary([], 3)


def test_exceptions_of_snakemake_that_are_known_are_told_in_words():
    trace = 'Traceback (most recent call last):\n\n  File "a.py", line 1, in x\n    y()\n\n'
    told = of_snakemake(
        "OSError", f"{trace}OSError: [Errno 30] Read-only file system: '/a b/x'\n\n"
    )
    assert told.startswith("/a b/x: Read-only") and "What to do: " in told and "File" not in told
    told = of_snakemake(
        "ProtectedOutputException",
        'ProtectedOutputException in rule a in file "r.smk", line 5:\nWrite-protected output files '
        "for rule a:\n    output: results/a\n    affected files:\n        results/a",
    )
    assert "results/a" in told and ".smk" not in told and "chmod" in told
    told = of_snakemake(
        "MissingOutputException",
        "MissingOutputException in rule a in file r.smk, line 3:\nJob 1 completed successfully, but "
        "some output files are missing. Missing files after 5 seconds. This might be due to latency:\n"
        "results/x.jsonl (missing locally)",
    )
    assert "results/x.jsonl" in told and "latency-wait" in told and ".smk" not in told
    assert of_snakemake("WorkflowError", "another one") == "another one"
