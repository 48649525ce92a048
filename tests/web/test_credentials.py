"""Which key is sent to which host: a real netrc, real servers, a real terminal."""

import json
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.conftest import small_study, write_study
from hub_server import REVISION, hub_answer
from loopback import landing, serving
from papertune.cluster.findings import doubt
from papertune.collect.listings.files import read
from papertune.collect.listings.semantic_scholar import SERVICE
from papertune.collect.web.transport import PageError
from papertune.jobs.running import Run
from papertune.records import Document, Rejection, write_records
from papertune.study.settings.listings import FilesSource
from processes import LIBRARY
from snakemake_run import ROOT, snakemake

SECRET = "5ecret-of-mine"
USERS = ["127.0.0.1", "localhost", "huggingface.co"]
NETRC = "".join(f"machine {host} login me password {SECRET}\n" for host in USERS)
FETCH = """
import sys
from papertune.collect.web.session import PoliteSession
from papertune.study.settings import Fetching
how = {"contact": "tests@example.org", "allow_hosts": ["127.0.0.1"], "delay": 0, "retries": 0}
with PoliteSession(Fetching(**how), "cache") as session:
    session.get(sys.argv[1])
"""
ASK = """
import sys
from papertune.generators.backends import Request, open_backend
from papertune.jobs.progress import job_log
from papertune.records import Document
from papertune.study.prompts import Prompt
from papertune.study.settings import OpenAIGenerator
how = {"model": "tiny", "prompt": "p.txt", "url": sys.argv[1], "retries": 0}
with job_log("job.log"):
    backend = open_backend(OpenAIGenerator(backend="openai", **how), folder=None, threads=1)
    for batch in backend.write([Request("1", Document("1", "t", "u", 2020, "x"), Prompt("paper", {}))]):
        for one in batch:
            print(one.text or one.error)
"""
DOWNLOAD = f"""
import sys
from pathlib import Path
from papertune.models.download import download_model
download_model("owner/model", "{REVISION}", Path("model"))
"""
DATASET = f"""
from papertune.collect.listings.pairs import read_hub
from papertune.study.settings.qa import HubDatasetSource
how = {{"dataset": "owner/pairs", "revision": "{REVISION}", "kind": "hub_dataset"}}
source = HubDatasetSource(**how, columns={{"question": "q", "answer": "a"}})
print([item for run in read_hub(source, 0) for item in run.make(run)])
"""
DOCTOR = f"""
import os, sys
from papertune.cluster import hub, machine
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
study = load_experiment(sys.argv[2])
here = {{"allow_hosts": ["127.0.0.1"]}}
source = study.source.model_copy(update={{"url": sys.argv[1]}})
base = study.bases["gpt2"].model_copy(update={{"hub": "owner/model", "revision": "{REVISION}"}})
layout = Layout("isca", study.model_copy(update={{
    "source": source, "bases": {{"gpt2": base}},
    "fetching": study.fetching.model_copy(update=here),
}}))
assert next(machine.check_source(layout)).state == "ok"
asked = hub.HubModel("owner/model", "{REVISION}", "nowhere")
assert [found.state for found in hub.check_models([asked], ["isca"])] == ["ok"]
hub.ask_hub([layout])
"""
JOB = "from papertune.jobs.progress import job_log\nwith job_log('job.log'):\n    "
REPLY = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}
REPOSITORIES = {
    "owner/model": {"config.json": b"{}", "model.safetensors": b"weights"},
    "owner/pairs": {"train.jsonl": b'{"q": "Why?", "a": "So."}\n'},
}


def home(folder: Path, url: str) -> dict[str, str]:
    """The environment of a user who has a netrc, for libraries that read one."""
    (folder / ".netrc").write_text(NETRC)
    (folder / ".netrc").chmod(0o600)
    hub = {"HF_ENDPOINT": url, "HF_HOME": str(folder / "hub"), "HF_HUB_DISABLE_XET": "1"}
    quiet = {"HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    mine = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    return mine | LIBRARY | hub | quiet | {"HOME": str(folder)}


def authorized(site) -> set[str]:
    """What a server was given as Authorization, however libraries write its name."""
    every = (pair for one in site.asked for pair in one.headers.items())
    return {value for name, value in every if name.lower() == "authorization"}


def run(code: str, *arguments: str, **how) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **how)


@pytest.mark.parametrize(
    "code", [FETCH, ASK, DOWNLOAD, DATASET, DOCTOR], ids=["fetch", "ask", "hub", "rows", "doctor"]
)
def test_nothing_is_taken_from_netrc(tmp_path, code):
    with serving() as site:
        site.otherwise = lambda handler: hub_answer(handler, REPOSITORIES)
        site.page("/paper", landing())
        site.page("/v1/chat/completions", REPLY)
        url = site.url("/paper" if code == FETCH else "/v1")
        isca = str(ROOT / "config/experiments/isca.yaml")
        done = run(code, url, isca, cwd=tmp_path, env=home(tmp_path, site.url()))
        assert done.returncode == 0, done.stderr
        assert site.total and authorized(site) == set()


def test_the_hubs_token_stays_with_it_wherever_it_leads(tmp_path):
    with serving() as other, serving() as site:
        there = other.url("/config.json").replace("127.0.0.1", "localhost")
        site.otherwise = (307, {"Location": there}, "")
        env = home(tmp_path, site.url()) | {"HF_TOKEN": SECRET}
        code = DOCTOR.partition("assert next")[0] + "hub.ask_hub([layout])"
        isca = str(ROOT / "config/experiments/isca.yaml")
        done = run(code, site.url("/"), isca, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        assert authorized(site) == {f"Bearer {SECRET}"}
        assert not other.asked  # a private address, which the Hub is not to name


@pytest.mark.parametrize("code", [DOWNLOAD, DATASET], ids=["hub", "rows"])
def test_the_hubs_token_is_told_before_it_is_sent(tmp_path, code):
    logs = []

    def answer(handler):
        logs.append((tmp_path / "job.log").read_text())
        return hub_answer(handler, REPOSITORIES)

    with serving(answer) as site:
        env = home(tmp_path, site.url()) | {"HF_TOKEN": SECRET}
        done = run(JOB + code.strip().replace("\n", "\n    "), cwd=tmp_path, env=env)
        told = f"requests to 127.0.0.1:{site.port} carry the key in $HF_TOKEN"
    assert done.returncode == 0, done.stderr
    assert authorized(site) == {f"Bearer {SECRET}"}
    assert all(told in log for log in logs) and logs[-1].count(told) == 1
    assert SECRET not in done.stderr + logs[-1]


# ---- keys in addresses ---------------------------------------------------------------------------


def test_an_address_with_a_user_is_not_asked(site, polite):
    with_user = site.page("/page", landing()).replace("://", f"://me:{SECRET}@")
    site.page("/there", "", 302, Location=with_user)
    for url in (with_user, site.url("/there")):
        with pytest.raises(PageError) as error:
            polite(retries=0).get(url)
        assert error.value.reason == "bad_url" and "user or password" in str(error.value)
        assert SECRET not in f"{error.value} {error.value!r} {vars(error.value)}"
    assert "/page" not in site.paths


def test_a_key_in_an_address_reaches_no_cache_log_or_error(site, polite, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    first, then = f"/a?access_token={SECRET}", f"/b?X-Amz-Signature={SECRET}2&p=1"
    site.page(first, "", 302, Location=then)
    site.page(then, f"<html><a href='{then}'>{SECRET}</a></html>")
    session, url = polite(retries=0), site.url(first)
    page = session.get(url)
    assert site.requests[first] == site.requests[then] == 1  # the site gets what it gave
    assert page == session.get(url) and site.requests[first] == 1
    assert page.landed == site.url("/b?X-Amz-Signature=***&p=1")
    site.answers[f"/gone?token={SECRET}"] = lambda handler: (
        handler.send_response(503, f"No {SECRET}") or handler.end_headers()
    )
    with pytest.raises(PageError) as error:
        session.get(site.url(f"/gone?token={SECRET}"))
    kept = [path.read_text() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    told = f"{error.value} {error.value!r} {vars(error.value)}"
    assert SECRET not in "".join([*kept, caplog.text, told])


def test_a_document_is_listed_without_the_key_of_its_address(tmp_path):
    rows = [
        {"title": "A paper", "paper_url": url, "abstract": ""}
        for url in (f"https://a.org/1?id=3&token={SECRET}", f"https://me:{SECRET}@a.org/2",
                    f"/mnt/me?password={SECRET}")
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    runs = read(FilesSource(kind="files", path=str(path)), 0)
    found = [item for run in runs for _, _, item in run.make(run)]
    assert SECRET not in str(found)
    assert isinstance(found[0], Document) and found[0].url == "https://a.org/1?id=3"
    assert isinstance(found[1], Rejection) and "user or password" in found[1].detail


def test_host_and_variable_are_told_before_a_key_is_sent(site, polite, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("S2_API_KEY", SECRET)
    told = f"requests to 127.0.0.1:{site.port} carry the key in $S2_API_KEY"
    site.otherwise = lambda handler: (200, {}, {"data": []}) if told in caplog.text else None
    for number in range(2):
        SERVICE.ask_json(polite(retries=0), site.url(f"/{number}"))
    assert {one.headers.get("x-api-key") for one in site.asked} == {SECRET}
    assert caplog.text.count(told) == 1 and SECRET not in caplog.text


# ---- the terminal --------------------------------------------------------------------------------

LOUD = ("huggingface_hub", "datasets", "transformers")
SIGNS = ("\x1b", "\x07", "\x9b", "\u202e", "\r")
HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202egnp \r\n2026-01-01 00:00:00,000 ERROR gone"


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_terminal_and_a_log_get_no_control_characters_of_a_server(tmp_path, status):
    with serving((status, {}, {"error": {"message": HOSTILE}})) as site:
        master, terminal = pty.openpty()
        command = [sys.executable, "-c", ASK, site.url("/v1")]
        environment = home(tmp_path, site.url()) | {"OPENAI_API_KEY": SECRET}
        done = subprocess.run(
            command, stdout=terminal, stderr=terminal, stdin=subprocess.DEVNULL,
            cwd=tmp_path, env=environment, timeout=60, check=False,
        )  # fmt: skip
        os.close(terminal)
        seen = os.read(master, 100_000)
        os.close(master)
    assert done.returncode == (status != 400), seen
    seen = seen.replace(b"\r\n", b"\n")  # the terminal's own
    log = (tmp_path / "job.log").read_bytes()
    assert b"owned" in seen and b"$OPENAI_API_KEY" in seen and b"$OPENAI_API_KEY" in log
    for sign in (*SIGNS, "\n2026-01-01", SECRET):
        assert sign.encode() not in seen + log


WARNS = """
from {0}.utils import logging
logging.get_logger("{0}.rest").warning("owned \\x9b31m \\x1b[2J")
"""
TELL = {"hub": DOWNLOAD, "rows": DATASET} | {name: WARNS.format(name) for name in LOUD}


@pytest.mark.parametrize(("tells", "early"), [*((name, False) for name in TELL), ("hub", True)])
def test_nor_do_they_of_what_libraries_tell(tmp_path, tells, early):
    def answer(handler):
        status, headers, body = hub_answer(handler, REPOSITORIES)
        return status, headers | {"X-HF-Warning": "owned; \x9b31m \x1b[2J gone"}, body

    first = "import datasets, transformers\n" if early else ""
    with serving(answer) as site:
        code = first + JOB + TELL[tells].strip().replace("\n", "\n    ")
        done = run(code, cwd=tmp_path, env=home(tmp_path, site.url()))
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "job.log").read_text()  # which has it alone
    assert log.count(r"\x9b31m \x1b[2J") == 1 and "owned" not in done.stderr, done.stderr
    assert not [sign for sign in SIGNS if sign in done.stderr + log]


def test_snakemake_shows_none_either_of_a_failed_job_or_a_refresh(tmp_path):
    with serving() as site:
        url = site.url("/{year}.html")
        quick = {"delay": 0, "retries": 0, "allow_hosts": ["127.0.0.1"]}
        study = small_study() | {"source": {"kind": "dblp", "url": url}, "fetching": quick}
        config = ("--config", f"experiments={write_study(tmp_path, study)}")
        reason = HOSTILE.partition("\r")[0].replace("\u202e", "")
        site.answers["/2020.html"] = lambda handler: (
            handler.send_response(404, reason) or handler.end_headers()
        )
        listing = tmp_path / "results/small/listings/2020.jsonl"
        target = str(listing.relative_to(tmp_path))
        failed = snakemake(tmp_path, target, *config, check=False)
        write_records(listing, [Document("1", "A paper", "https://a.org/1", 2020, "A text.")])
        refreshed = snakemake(tmp_path, "refresh", *config, check=False)
    assert failed.returncode and refreshed.returncode
    logs = [
        path for folder in ("logs", ".snakemake/log") for path in (tmp_path / folder).rglob("*.log")
    ]
    told = [failed.stdout, refreshed.stdout, *(path.read_text() for path in logs)]
    assert sum(r"\x1b]0;owned\x07" in text for text in told) >= 4
    assert not [sign for sign in SIGNS if sign in "".join(told)]


def test_nor_do_checks_of_a_run_and_words_about_other_runs():
    told = f"{doubt(HOSTILE, HOSTILE)}{Run(HOSTILE, 'host', 1, 0.0, HOSTILE)}"
    assert told.count(r"\x1b]0;owned\x07") == 4
    assert not [sign for sign in SIGNS if sign in told]
