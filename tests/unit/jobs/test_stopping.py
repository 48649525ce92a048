"""SIGTERM ends a job between two items, with what is finished on disk; the log says so."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from processes import LIBRARY, busy, python, recorded_job, wait_for
from snakemake_run import ROOT

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
    before = done.read_text().split()
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 75
    items = done.read_text().split()
    assert items == [str(n) for n in range(len(items))] and len(items) <= len(before) + 1
    for text in (told, log.read_text()):
        assert text.count("SIGTERM: ending") == 1
        assert re.search(r"stopped by SIGTERM, \d\.\d", text)
        assert "finished work is kept; the next attempt continues from it" in text
        assert "Traceback" not in text


@pytest.mark.parametrize(
    ("asked", "done", "status"), [("1", "0 1 ", 0), ("0", "0 ", 75), ("before", "", 75)]
)
def test_a_job_begins_nothing_once_it_is_asked_and_has_done_its_work_well(
    tmp_path, asked, done, status
):
    code = (
        "import os, signal, sys\nfrom papertune.jobs.progress import job_log, progress\n"
        "def stop(now):\n    if now == sys.argv[2]:\n        os.kill(os.getpid(), signal.SIGTERM)\n"
        "with job_log(sys.argv[1]):\n    stop('before')\n"
        "    for item in progress(range(2), 2, 'work'):\n"
        "        stop(str(item))\n        print(item, end=' ')\n"
    )
    process = python(code, tmp_path / "job.log", asked)
    assert process.communicate(timeout=120)[0] == done and process.returncode == status


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
    told = process.communicate(timeout=120)[1]
    assert said in told and process.returncode == status
    assert "Traceback" not in told


def test_the_log_has_the_whole_traceback_of_what_nobody_expected(tmp_path):
    code = (
        "import sys, logging\nfrom papertune.jobs.progress import job_log\n"
        "with job_log(sys.argv[1]):\n"
        "    logging.getLogger('papertune').info('hello')\n    raise ValueError('odd')\n"
    )
    (tmp_path / "job.log").write_text("an older log")
    process = python(code, tmp_path / "job.log")
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 1 and "ValueError: odd" in told and "report it" in told
    assert "Traceback" not in told
    before, _, after = (tmp_path / "job.log").read_text().partition("\nTraceback (most recent")
    assert "hello" in before
    trace, _, said = after.partition("\nValueError: odd\n")
    assert "line 5" in trace and " ERROR papertune: ValueError: odd" in said


def test_what_libraries_warn_of_stands_in_the_log_alone(tmp_path):
    code = (
        "import sys, logging, warnings\nfrom papertune.jobs.progress import job_log\n"
        "with job_log(sys.argv[1]):\n"
        "    import torch\n"
        "    warnings.warn('of a library', FutureWarning)\n"
        "    logging.getLogger('torch.odd').warning('of torch')\n"
        "    logging.getLogger('transformers.odd').warning('of transformers')\n"
        "    logging.getLogger('papertune.odd').warning('of ours')\n"
    )
    process = python(code, tmp_path / "job.log")
    assert process.communicate(timeout=60)[1].strip() == "of ours"
    said = (tmp_path / "job.log").read_text()
    for word in ("of a library", "of torch", "of transformers", "of ours"):
        assert word in said


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
            assert seconds_to_end(process) < 10 * busy() and process.returncode == 75


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
from papertune.generators.backends import Request
from papertune.generators.openai_backend import OpenAIBackend
from papertune.jobs import stopping
from papertune.jobs.progress import job_log, progress
from papertune.records import Document
from papertune.servers import client
from papertune.study.prompts import Prompt
from papertune.study.settings import OpenAIGenerator

client.SOON = 1.0

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
        backend = OpenAIBackend(asked, folder=None, threads=1)
        list(backend.write([Request("1", document, Prompt("ask", {}))]))

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
    assert seconds_to_end(process) < 9 * busy() and process.returncode == 75
    assert "stopped by SIGTERM" in log.read_text() and "Traceback" not in log.read_text()
    assert done.read_text() == "0\n1\n2\nbusy\n"


SLOW = """
import os, sys, threading, time
from pathlib import Path
from papertune.jobs import stopping
from papertune.jobs.progress import job_log
from papertune.records import Answer, Document, write_records
from papertune.study.settings import Embedder, OpenAIGenerator, RulesGenerator

def pack():  # a file that takes minutes to read
    from papertune.collect.bundle import pack
    big = Path("results/e/listings/2020.jsonl")
    big.parent.mkdir(parents=True)
    big.touch()
    os.truncate(big, 2**40)
    begin()
    pack([big], "store", "output")

def score():
    from papertune.scores.scoring import score_answers
    texts = [f"{n} is the number of a long answer. " * 50 for n in range(512)]
    said = zip(texts[::2], texts[1::2])
    write_records("answers", (Answer(a, "d", 2020, "q", a, b, 1, 1, 1, False) for a, b in said))
    begin()
    score_answers("answers", "output", ["similarity"], {"": Embedder()}, "store")

def rules():
    words = "We show that the cache of the suite reduces latency by %d%%. "
    begin()
    write(RulesGenerator(backend="rules", style="extractive"), "".join(words % n for n in range(5000)))

def write(generator, text, **how):
    from papertune.generators.asking import Writer
    from papertune.generators.synthesis import synthesize
    from papertune.study.splits import SplitOf
    documents, output, rejected = map(Path, ("documents", "output", "rejected"))
    write_records(documents, [Document(str(n), "t", "u", 2020, text) for n in range(64)])
    writer, mine = Writer(name="g", generator=generator, **how), SplitOf("train", None, None, 0)
    synthesize(
        writer, documents=[documents], mine=mine, output=output, rejected=rejected, store=Path("store")
    )

def page():  # a table that takes long to read
    from papertune.report.page import write_page
    from papertune.study.layout import Layout
    from sample_study import SETTINGS
    from papertune.study.experiment import Experiment
    Path("matrix").write_bytes(bytes([10]) * 100_000_000)
    layout = Layout("demo", Experiment.model_validate(SETTINGS))
    begin()
    files = {name: name for name in ("matrix", "writers", "counts", "cost", "store")}
    write_page(layout, "output", **files, figures=".")

def a_step():
    from papertune.training.trainer import StoppableTrainer
    from tiny_training import Runs
    runs, real = Runs(Path()), StoppableTrainer.training_step
    def step(*given, **how):
        begin()
        time.sleep(2)
        return real(*given, **how)
    StoppableTrainer.training_step, stopping.PATIENCE = step, 0.5
    runs("model")

def a_reply():
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    class Late(BaseHTTPRequestHandler):
        def do_POST(self):
            begin()
            time.sleep(2)
            said = b'{"choices": [{"message": {"content": "Q: Why? A: So."}}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Late)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, stopping.PATIENCE = f"http://127.0.0.1:{server.server_port}/v1", 0.5
    write(OpenAIGenerator(backend="openai", url=url, model="m", prompt="p"), "text", prompt="p")

def begin():
    print("begins", flush=True)

with job_log("job.log"):
    globals()[sys.argv[1]]()
"""


def slow(folder: Path, what: str) -> subprocess.Popen[str]:
    """A job of those above that has begun."""
    path = os.pathsep.join([LIBRARY["PYTHONPATH"], str(ROOT / "tests")])
    process = python(SLOW, what, cwd=folder, environment={"PYTHONPATH": path})
    assert process.stdout and process.stdout.readline()
    return process


@pytest.mark.parametrize(("what", "after"), [("pack", 1), ("score", 9), ("rules", 2), ("page", 1)])
def test_a_job_ends_whatever_it_reads(tmp_path, what, after):
    process = slow(tmp_path, what)
    time.sleep(after)
    within = 10 * busy(least=1)  # the grace of the shortest site
    assert seconds_to_end(process) < within and process.returncode == 75
    assert "stopped by SIGTERM" in (tmp_path / "job.log").read_text()
    assert not (tmp_path / "output").exists()
    (tmp_path / "matrix").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("what", "kept"),
    [("a_step", "checkpoints/model/checkpoint-1/whole"), ("a_reply", "store/synthesize/*/*.jsonl")],
)
def test_what_is_worth_more_than_some_seconds_is_finished(tmp_path, what, kept):
    process = slow(tmp_path, what)
    time.sleep(1)
    assert seconds_to_end(process) < 20 * busy() and process.returncode == 75
    assert list(tmp_path.glob(kept))


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
    assert seconds_to_end(process) < 4 * busy() and process.returncode == 75
    assert not (tmp_path / "output").exists()


# what is told from time to time comes while the last word is still on its way
SLOW_DISK = """write = record.write_record
    record.write_record = lambda *a: (write(*a), a[1].status == "interrupted" and time.sleep(0.5))
    """


@pytest.mark.parametrize("disk", ["", SLOW_DISK])
def test_the_record_of_a_job_that_its_guard_ends_says_so(tmp_path, monkeypatch, disk):
    monkeypatch.chdir(tmp_path)
    busy = "__import__('hashlib').pbkdf2_hmac('md5', b'', b'', 2**31 - 1)"
    code = recorded_job(f"{disk}{busy}", 0)
    process = python(code)
    assert process.stdout and process.stdout.readline()
    time.sleep(0.3)
    seconds_to_end(process)
    record = json.loads(next(tmp_path.rglob("logs/mine/jobs/**/*.json")).read_text())
    assert process.returncode == 75 and record["status"] == "interrupted" and record["ended"]
