"""The terminal when jobs fail: which, what was wrong, what to do, and which log."""

import re
from pathlib import Path

import pytest

from end_to_end.conftest import FilesStudy
from snakemake_run import ROOT, planned

pytestmark = pytest.mark.slow

MACHINERY = (
    "Traceback",
    "RuleException",
    "CalledProcessError",
    "WorkflowError",
    "Error in rule",
    "Look above",
    ".smk",
    "set -euo",
)
# of jobs that are copies of a process (papertune.jobs.warm): what is run in each before its script
FIRST = """
import sys
if sys.orig_argv[1].endswith(".{rule}.py"):
    import os, signal
    sys.path.append({library!r})
    import papertune.jobs.job
    def fails(*_, **__):
        {fails}
    papertune.jobs.job.load_experiment = fails
"""


def last_words(said: str) -> str:
    """What a run that failed ends with, after all that Snakemake says of itself."""
    for word in MACHINERY:
        assert word not in said, said
    words = said[re.search(r"^\d+ jobs? failed", said, re.MULTILINE).start() :]
    words, end, log = words.partition("\n\nIt took ")
    assert end and Path(log.split()[-1]).is_file()
    return words


def fail(study: FilesStudy, rule: str, fails: str) -> str:
    """Have a rule's jobs run again, and fail."""
    library = str(ROOT / "workflow/scripts")
    text = FIRST.format(rule=rule, fails=fails, library=library)
    (first := study.folder / "first.py").write_text(text)
    return study.run("--forcerun", rule, check=False, WARM_JOBS_FIRST=str(first))


def test_one_that_fails_is_told_last_and_again_when_it_is_run_again(study):
    (file := study.folder / "data/2021.jsonl").write_text('{"title": "never ended\n')
    for _ in range(2):
        words = last_words(study.run(check=False))
        assert words.strip().startswith("1 job failed, ")
        assert "list_documents experiment=mine year=2021\n" in words
        assert f"{Path('data', file.name)}:1: " in words and "What to do: " in words
        assert words.strip().endswith("Log: logs/mine/listings/2021.log")


def test_of_several_that_fail_of_a_fault_of_ours_the_log_alone_has_the_traceback(study):
    said = fail(study, "score", "raise TypeError('odd')")
    words = last_words(said)
    assert words.strip().startswith("4 jobs failed, ")
    assert words.count("score experiment=mine model=") == 5  # each, and the first with its words
    assert words.count("TypeError: odd") == 1 and "report it" in words
    assert said.count("TypeError: odd") == 5  # as soon as it happens, too
    log = words.strip().rpartition("Log: ")[2]
    assert "Traceback (most recent call last)" in (study.folder / log).read_text()


def test_a_job_that_is_killed_is_said_to_be(study):
    words = last_words(fail(study, "compare", "os.kill(os.getpid(), signal.SIGKILL)"))
    assert "SIGKILL" in words and "memory" in words and "--cores 1" in words
    assert words.strip().endswith("Log: logs/mine/tables/matrix.log"), words
    # of the last run there is all that is made of it
    assert "compare" in planned(study.folder, "--config", f"experiments={study.file.stem}")


def test_a_library_that_tells_of_memory_is_heard(study):
    fails = (
        "import torch; raise torch.OutOfMemoryError('CUDA out of memory. Tried to. If reserved')"
    )
    said = fail(study, "compare", fails)
    assert "CUDA out of memory" in last_words(said) and "max_length" in said
    assert "If reserved" not in said
