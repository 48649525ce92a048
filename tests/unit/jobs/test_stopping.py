"""SIGTERM ends a job between two items, with what is finished on disk; the log says so."""

import signal
import socket
from pathlib import Path

import pytest

from processes import python, wait_for

JOB = """
import sys, time
from papertune.jobs.progress import job_log, progress
{before}
with job_log(sys.argv[1]):
    for item in progress(range(40), 40, "work"):
        time.sleep(0.1)
        print(item, file=open(sys.argv[2], "a"), flush=True)
"""


def wait_for_text(path: Path, text: str) -> None:
    wait_for(lambda: text in path.read_text())


@pytest.mark.parametrize("times", [1, 3])
def test_a_job_ends_after_the_item_it_is_at(tmp_path, times):
    log, done = tmp_path / "job.log", tmp_path / "done"
    process = python(JOB.format(before=""), log, done)
    wait_for_text(done, "2\n")
    for _ in range(times):  # a second signal kills no earlier
        process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=30)[1]
    assert process.returncode == 75
    assert done.read_text().splitlines() == [str(n) for n in range(len(done.read_text().split()))]
    assert 3 <= len(done.read_text().split()) <= 5
    for text in (told, log.read_text()):
        assert text.count("SIGTERM: ending") == 1
        assert "stopped by SIGTERM, 0." in text
        assert "what is finished is kept; the next attempt goes on from it" in text
        assert "Traceback" not in text


@pytest.mark.parametrize(("last", "status"), [("1", 0), ("0", 75)])
def test_a_job_that_has_done_its_work_ends_well(tmp_path, last, status):
    code = (
        "import os, signal, sys\nfrom papertune.jobs.progress import job_log, progress\n"
        "with job_log(sys.argv[1]):\n    for item in progress(range(2), 2, 'work'):\n"
        "        if str(item) == sys.argv[2]:\n            os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    process = python(code, tmp_path / "job.log", last)
    process.communicate(timeout=30)
    assert process.returncode == status


@pytest.mark.parametrize(
    ("before", "number", "status", "said"),
    [
        # a signal that was ignored is heard all the same; the keyboard's stays as it is
        ("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)", 15, 75, "SIGTERM: ending"),
        ("", signal.SIGINT, -signal.SIGINT, "KeyboardInterrupt"),
    ],
)
def test_which_signals_are_heard(tmp_path, before, number, status, said):
    process = python(JOB.format(before=before), tmp_path / "job.log", tmp_path / "done")
    wait_for_text(tmp_path / "done", "0\n")
    process.send_signal(number)
    assert said in process.communicate(timeout=30)[1] and process.returncode == status


def test_the_log_has_the_whole_traceback_of_what_nobody_expected(tmp_path):
    code = (
        "import sys, logging\nfrom papertune.jobs.progress import job_log\n"
        "with job_log(sys.argv[1]):\n"
        "    logging.getLogger('papertune').info('hello')\n    raise ValueError('odd')\n"
    )
    (tmp_path / "job.log").write_text("an older log")
    process = python(code, tmp_path / "job.log")
    told = process.communicate(timeout=30)[1]
    assert process.returncode == 1 and "ValueError: odd (traceback in" in told
    lines = (tmp_path / "job.log").read_text().splitlines()
    assert "hello" in lines[0] and lines[1] == "Traceback (most recent call last):"
    assert lines[-2] == "ValueError: odd" and "ERROR" in lines[-1]


WAITING = """
import sys
from papertune.jobs.progress import job_log
from papertune.study.settings import Fetching
from papertune.collect.web.session import PoliteSession
allowed = ["127.0.0.1"]
fetching = Fetching(contact="tests@papertune.example", timeout=60, allow_hosts=allowed)
with job_log(sys.argv[1]), PoliteSession(fetching, sys.argv[2]) as session:
    session.get(sys.argv[3])
"""


def test_who_waits_for_a_network_ends_at_once(tmp_path):
    """A site that never answers does not keep a job from ending."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/page"
        process = python(WAITING, tmp_path / "job.log", tmp_path / "http", url)
        connection, _ = deaf.accept()
        with connection:
            process.terminate()
            process.communicate(timeout=10)
    assert process.returncode == 75
