"""SIGTERM ends a job between two items, with what is finished on disk; the log says so."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from processes import python, recorded_job, wait_for

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


def seconds_to_end(process: subprocess.Popen) -> float:
    """How long a process takes to end on SIGTERM; it does not go on after the test."""
    start = time.monotonic()
    process.terminate()
    try:
        process.communicate(timeout=60)
    finally:
        process.kill()
    return time.monotonic() - start


BUSY = """
import hashlib, os, socket, sys, time
from concurrent.futures import ThreadPoolExecutor
from papertune.generators import openai_backend
from papertune.generators.backends import Request
from papertune.jobs import stopping
from papertune.jobs.progress import job_log, progress
from papertune.records import Document
from papertune.study.settings import OpenAIGenerator

openai_backend.SOON = 1.0

def in_c():  # a library that parses is like this: it lets other threads run, and hears no signal
    with stopping.at_once():
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

def a_fifo():
    with stopping.at_once():
        os.mkfifo(sys.argv[3])
        open(sys.argv[3]).read()

def at_the_end():  # what a thread waits for holds the process where all else has ended
    with ThreadPoolExecutor(1) as pool:
        pool.submit(time.sleep, 1000)
        while True:
            time.sleep(0.1)
            stopping.check()

def a_reply():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        document = Document("1", "a", url, 2020)
        asked = OpenAIGenerator(backend="openai", url=url, model="m", timeout=1000, prompt="p")
        backend = openai_backend.OpenAIBackend(asked, folder=None, threads=1)
        list(backend.write([Request("1", document, "ask")]))

with job_log(sys.argv[1]):
    for item in progress(range(3), 3, "work"):
        print(item, file=open(sys.argv[2], "a"), flush=True)
    print("busy", file=open(sys.argv[2], "a"), flush=True)
    globals()[sys.argv[4]]()
"""


@pytest.mark.parametrize("what", ["in_c", "a_fifo", "at_the_end", "a_reply"])
def test_a_job_ends_whatever_it_is_in(tmp_path, what):
    log, done = tmp_path / "job.log", tmp_path / "done"
    process = python(BUSY, log, done, tmp_path / "fifo", what)
    wait_for_text(done, "busy")
    time.sleep(0.5)
    assert seconds_to_end(process) < 9 and process.returncode == 75
    assert "stopped by SIGTERM" in log.read_text() and "Traceback" not in log.read_text()
    assert done.read_text() == "0\n1\n2\nbusy\n"


LISTING = """
import sys
from papertune.collect.steps import list_documents
from papertune.jobs.progress import job_log
from papertune.study.settings import Fetching
from papertune.study.settings.listings import BibtexSource

with job_log(sys.argv[1]):
    source = BibtexSource(kind="bibtex", paths=[sys.argv[2]])
    places = {name: f"{sys.argv[3]}/{name}" for name in ("output", "rejected", "cache")}
    print("begins", flush=True)
    list_documents(source, Fetching(), 2020, **places)
"""
ENTRY = "@article{k%d, title={On the Reading of Bibliographies, part %d}, year={2020}, url={https://a.example/%d}}\n"


def test_a_long_listing_is_left_at_once(tmp_path):
    (tmp_path / "all.bib").write_text("".join(ENTRY % (n, n, n) for n in range(100_000)))
    process = python(LISTING, tmp_path / "job.log", tmp_path / "all.bib", tmp_path)
    assert process.stdout and process.stdout.readline()
    time.sleep(1)
    assert seconds_to_end(process) < 4 and process.returncode == 75
    assert not (tmp_path / "output").exists()


def test_the_record_of_a_job_that_its_guard_ends_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = recorded_job(
        "with stopping.at_once(): __import__('hashlib').pbkdf2_hmac('md5', b'', b'', 2**31 - 1)", 0
    )
    process = python(code)
    assert process.stdout and process.stdout.readline()
    time.sleep(0.3)
    seconds_to_end(process)
    record = json.loads(next(tmp_path.rglob("logs/mine/jobs/**/*.json")).read_text())
    assert process.returncode == 75 and record["status"] == "interrupted" and record["ended"]
