"""A model server started by a job: waited for, used, restarted, ended, whatever it does."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from socket import create_server

import psutil
import pytest

import loopback
from papertune.errors import ServerError
from papertune.jobs import warm
from papertune.servers import client, keeper
from papertune.servers import server as server_module
from papertune.servers.client import Client
from papertune.servers.replies import Asked
from papertune.servers.server import Server
from papertune.study.settings import Answering
from processes import busy, python, wait_for
from snakemake_run import ROOT

SCRIPT = f"{sys.executable} {ROOT / 'tests/model_server.py'} $model --port $port"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr("papertune.jobs.stopping.LOOK", 0.02)
    monkeypatch.delenv("PAPERTUNE_LOG", raising=False)


@pytest.fixture
def server(tmp_path):
    """Makes a server of some options; it is ended with the test."""
    made = []

    def make(options="", model="tiny", **how):
        noted = f"--pids {tmp_path / 'pids'} --requests {tmp_path / 'requests'}"
        line = f"{SCRIPT} {noted} {options}"
        made.append(Server(line, {"model": model}, where="answering.serve", **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def ask(place, count, model="tiny", **how):
    """The texts that come back for so many prompts."""
    settings = Answering(**{"timeout": 5, "concurrency": 4} | how)
    asking = Client(
        place, settings, path="completions", model=model, items="questions",
        framed=lambda text: {"prompt": text}, read=lambda body: json.loads(body)["choices"][0]["text"],
    )  # fmt: skip
    asked = (Asked(n, {"prompt": [n]}, text=str(n)) for n in range(count))
    replies = [one for batch in asking.ask(asked) for one in batch]
    assert not any(one.error for one in replies)
    return {one.asked.item: one.value for one in replies}


def all_gone(pids):
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return False
    return True


@pytest.mark.parametrize("options", ["--key", ""])
def test_it_is_started_and_asked_with_a_key_that_no_other_account_knows(
    server, tmp_path, caplog, options
):
    caplog.set_level(logging.INFO)
    one = server(options)
    assert ask(one, 6) == {n: f" [{n}]" for n in range(6)}
    keys = {request["key"] for request in lines(tmp_path / "requests")}
    assert keys == {one.key} and len(one.key) > 30
    [pid] = lines(tmp_path / "pids")
    assert one.key not in " ".join(psutil.Process(pid).cmdline()) + caplog.text
    assert ("other accounts of this machine can use it" in caplog.text) == (not options)
    one.close()
    assert all_gone([pid])


def test_one_that_dies_is_started_again_and_everything_is_answered(server, tmp_path, caplog):
    assert len(ask(server("--dies-after 5"), 17)) == 17
    # processes of five answers each, of which some may be lost on their way
    assert 4 <= len(lines(tmp_path / "pids")) <= 17
    assert "the model server ended with status 9" in caplog.text


@pytest.mark.parametrize(
    ("options", "how", "told"),
    [
        ("--fault 'dies at once'", {}, r"ended with status 1 before it answered(?s:.*)no such device"),
        ("--dies-after 0", {}, r"ended 3 times without an answer(?s:.*)out of memory, alas"),
        ("--fault 'loads forever'", {"start": 0.01}, r"did not answer within 0.01 minutes"),
        ("--host 0.0.0.0", {}, r"listens on 0.0.0.0, where other machines reach it"),
        ("", {"model": "other"}, r"no model 'tiny'"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_an_error_with_its_last_words(server, tmp_path, options, how, told):
    with pytest.raises(ServerError, match=told) as error:
        ask(one := server(options, **how), 3)
    assert "answering.serve" in str(error.value) or "the model server" in str(error.value)
    one.close()
    assert all_gone(lines(tmp_path / "pids"))


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(ServerError, match="no program not-there") as error:
        Server("not-there --port $port", {}, where="answering.serve").url()
    assert "install it" in error.value.hint


def test_nothing_is_sent_to_another_process_that_has_taken_the_port(server, tmp_path):
    one = server("--fault 'does not listen'", start=0.03)

    def stranger():
        [port] = wait_for(lambda: lines(tmp_path / "requests"))
        with loopback.serving((200, {}, {"data": []}), port=port) as site:
            time.sleep(3)
            return site.asked

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(stranger)
        with pytest.raises(ServerError, match="did not answer within"):
            one.url()
        assert asked.result() == []


def test_a_port_that_is_taken_meanwhile_is_left_for_another(server, monkeypatch, caplog):
    """The number is free when it is chosen; another program may be faster."""
    with create_server(("127.0.0.1", 0)) as faster:
        ports = iter([faster.getsockname()[1]])
        free = server_module._free_port
        monkeypatch.setattr(server_module, "_free_port", lambda: next(ports, 0) or free())
        assert len(ask(server(), 2)) == 2
    assert "was taken by another process" in caplog.text


def test_its_keeper_is_a_process_of_the_job_where_jobs_are_copies_of_another(
    server, tmp_path, monkeypatch
):
    copied = warm.start(tmp_path / "warm", os.getpid(), "json", stdout=subprocess.PIPE)
    try:
        assert copied.stdout.readline() == b"ready\n"
        for name, value in warm.environment_of(tmp_path / "warm").items():
            monkeypatch.setenv(name, value)
        one = server(start=0.3)
        assert len(ask(one, 2)) == 2
        one.close()
        assert all_gone(lines(tmp_path / "pids"))
    finally:
        copied.kill()
        copied.wait()


JOB = """
import sys, time
from contextlib import closing
from pathlib import Path
from papertune.jobs import stopping
from papertune.jobs.progress import job_log
from papertune.servers.server import Server

with job_log("job.log"):
    folder = Path("served"); folder.mkdir()
    server = Server(sys.argv[1], {"model": "tiny"}, where="answering.serve", remove=folder)
    with closing(server):
        server.url()
        print("up", flush=True)
        while True:
            stopping.check()
            time.sleep(0.05)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_however_its_job_ends_it_ends_with_all_that_it_began(tmp_path, number):
    pids = tmp_path / "pids"
    job = python(JOB, f"{SCRIPT} --pids {pids} --fault 'begins others'", cwd=tmp_path)
    assert job.stdout.readline() == "up\n"
    begun = lines(pids)
    assert len(begun) == 3 and not all_gone(begun)
    job.send_signal(number)
    began = time.monotonic()
    wait_for(lambda: all_gone(begun) and not (tmp_path / "served").exists(), seconds=30)
    assert time.monotonic() - began < keeper.GRACE + 5 * busy()
    assert job.wait(120) == (75 if number == signal.SIGTERM else -signal.SIGKILL)
    assert "$ " in (tmp_path / "job.server.log").read_text()
