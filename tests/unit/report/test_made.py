"""made.json: what the run found, its versions and settings, and nothing private."""

import contextlib
import getpass
import html
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import papertune
from papertune.collect.web.installed import browser_version
from papertune.jobs.record import FAILED, OK, JobRecord
from papertune.report.cost import job_of
from papertune.report.made import ARCHIVED, ROOT, commit_of, engine_of, time_taken, told
from papertune.report.numbers import unbroken
from papertune.scores.matrix import find_cell, read_matrix
from papertune.study.settings import Answering
from papertune.training.facts import processor
from processes import LIBRARY, program
from sample_study import write_report


@pytest.fixture(scope="module")
def page(study, tmp_path_factory):
    """The page of a study whose models were trained on two processors."""
    folder = tmp_path_factory.mktemp("made")
    code = "import sys, papertune.report.page as _; print(*sys.modules)"
    how = {"env": os.environ | LIBRARY, "text": True}
    loaded = subprocess.check_output([sys.executable, "-c", code], **how).split()
    assert {"requests", "playwright", "torch"}.isdisjoint(loaded), "envs/report.yaml has them not"
    for (_, seed), path in study.layout.models().items():
        file = Path(path, "training.json")
        known = json.loads(file.read_text())
        known["processor"] = ["A & B <i>chip</i>, AVX2", "Other, AVX512"][seed % 2]
        file.write_text(json.dumps(known))
    with contextlib.chdir(folder):  # no logs of other runs
        return folder, write_report(study, folder / "report.html")


def test_it_says_what_the_matrix_says(study, page):
    made = json.loads((page[0] / "made.json").read_text())
    cells = read_matrix(study.made_from["matrix"])
    assert len(made["matrix"]) == 6 and made["metric"] == "token_f1"
    for said in made["matrix"]:
        cell = find_cell(cells, **{key: said[key] for key in ("model", "test_set", "metric")})
        for name in ("mean", "low", "high", "difference", "verdict", "documents", "questions"):
            assert said[name] == getattr(cell, name)
        assert said["shown"].startswith(f"{cell.mean:.3f} [{cell.low:.3f}, {cell.high:.3f}]")
    assert {claim["model"]: claim["verdict"] for claim in made["claims"]}["full"] == "better"
    assert html.escape(unbroken(made["headline"]), quote=False) in page[1]
    assert [one["model"] for one in made["kept"]] == ["full", "lora"]
    assert made["seeds"] == {"baseline": 1, "full": 2, "lora": 2} and made["took"] is None
    assert set(made["figures"]) == {f"{n}.svg" for n in ("matrix", "documents", "loss", "cost")}


def test_the_foot_says_with_what_it_was_made(page):
    foot = page[1].partition("<footer>")[2]
    how = json.loads((page[0] / "made.json").read_text())["how"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", how["date"])
    assert how["processors"] == ["A & B <i>chip</i>, AVX2", "Other, AVX512"]
    wanted = ["A &amp; B &lt;i&gt;chip&lt;/i&gt;, AVX2", "Other, AVX512", how["browser"]]
    wanted += [f"Papertune {papertune.VERSION}", how["date"], how["commit"], *how["libraries"]]
    for piece in wanted:
        assert piece in foot, piece
    assert "<i>" not in foot and foot.count("<details>") == 1
    assert {"torch 2.13.0"} < {*how["libraries"]}
    assert how["read_by_browser"] > 0 and how["wait_for_browser"] == 2


def test_nothing_private_is_in_it(page):
    made = (page[0] / "made.json").read_text()
    foot = page[1].partition("<footer>")[2].partition("<script")[0]
    private = {str(Path.home()), socket.gethostname(), str(ROOT), os.getcwd()}
    for word in private | {getpass.getuser()}:
        assert not re.search(rf"(?<![\w/]){re.escape(word)}(?!\w)", made + foot), word


def test_a_processor_is_named_with_what_torch_uses_of_it():
    name, _, instructions = processor().rpartition(", ")
    assert name and instructions  # AVX512, say
    code = "from papertune.training.facts import processor; print(processor())"
    told_to = os.environ | LIBRARY | {"ATEN_CPU_CAPABILITY": "default"}
    run = subprocess.check_output([sys.executable, "-c", code], env=told_to, text=True)
    assert run.strip() == f"{name}, DEFAULT"


def test_of_a_browser_only_name_and_version(tmp_path, monkeypatch):
    script = "echo 'Chromium 143.0.7499.40 built in /home/somebody'"
    binary = program(tmp_path / "chromium", script)
    for named, wanted in {
        str(binary): "Chromium 143.0.7499.40",
        "/bin/true": "of an unknown version",
        "/no/such/browser": "",
    }.items():
        monkeypatch.setenv("PAPERTUNE_CHROMIUM", named)
        assert browser_version() == wanted


# ---- the commit ---------------------------------------------------------------


def git(folder, *arguments):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_commit_of_a_checkout_an_archive_and_a_copy(tmp_path):
    checkout = tmp_path / "checkout"
    (checkout / "workflow").mkdir(parents=True)
    (checkout / "workflow/Snakefile").write_text("# one\n")
    for name in (ARCHIVED, ".gitattributes"):
        shutil.copyfile(ROOT / name, checkout / name)
    git(checkout, "init", "-q")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "one")
    found = commit_of(checkout)
    assert re.fullmatch("[0-9a-f]{40}", found["commit"]) and found["changed"] is False
    # an experiment of one's own is no change of the workflow
    (checkout / "config").mkdir()
    (checkout / "config/mine.yaml").write_text("{}")
    assert commit_of(checkout) == found
    (checkout / "workflow/more.smk").write_text("# new\n")
    assert commit_of(checkout) == found | {"changed": True}
    # an archive, as of a release, knows its commit
    archive = tmp_path / "archive"
    archive.mkdir()
    git(checkout, "archive", "-o", str(tmp_path / "a.tar"), "HEAD")
    shutil.unpack_archive(tmp_path / "a.tar", archive)
    assert commit_of(archive) == found | {"changed": None}
    # a copy inside of somebody's own repository, and a folder that is in none
    inside = checkout / "copied"
    (inside / "workflow").mkdir(parents=True)
    shutil.copyfile(ROOT / ARCHIVED, inside / ARCHIVED)
    for folder in (inside, tmp_path):
        assert commit_of(folder) == {"commit": "", "changed": None}


def test_what_is_not_known_is_said_so():
    how = {
        **{"date": "2026-01-02", "papertune": "1.0", "commit": "", "changed": None},
        **{"processors": [], "gpus": [], "browser": "none", "libraries": ["torch 2"]},
        **{"read_by_browser": 0, "wait_for_browser": 12},
    }
    lines = dict(told(how))
    assert lines["Commit"].startswith("unknown") and lines["Models trained on"] == "not known"
    assert lines["Browser"] == "none (12 papers wait for one)"


# ---- what it took -------------------------------------------------------------


def record(start, end, status=OK, *, seed="1"):
    about = {"model": "full", "seed": seed}
    return JobRecord(
        **{"rule": "train", "wildcards": about, "attempt": 1, "host": "h", "pid": 1, "job": ""},
        **{"threads": 1, "gpu": 0, "memory_mb": None, "runtime": None, "submitted": None},
        **{"started": float(start), "seen": float(end), "ended": float(end), "status": status},
    )


def test_time_taken_is_that_in_which_something_ran():
    jobs = [job_of("train", {"model": "full", "seed": seed}) for seed in "12"]
    one, two = record(100, 160), record(130, 200, seed="2")
    later = record(1000, 1010, seed="2")

    def taken(*records, trained=()):
        return time_taken(records, jobs, trained)

    known = {"seconds": 100.0, "cores": 2, "complete": True, "found": False}
    assert taken(one, two) == known
    # time between two runs is nobody's; what was made anew since counts no more
    assert taken(one, record(130, 140, FAILED, seed="2"), later) == known | {"seconds": 70.0}
    assert taken(one, two, later)["seconds"] == 70.0
    assert taken(one, replace(two, started=159.7))["cores"] == 1  # clocks differ
    assert taken(one) == {"seconds": 60.0, "cores": 1, "complete": False, "found": False}
    assert taken(one, two, trained=[{"wall_seconds": 131}])["found"] is True
    assert taken() is None


def test_a_model_server_is_named_without_folders():
    serve = "/home/me/bin/vllm serve $model --port $port"
    assert engine_of(Answering(serve=serve)) == {}
    found = engine_of(Answering(engine="server", serve=serve, adapters="--lora $adapter"))
    assert found == {"engine": "vllm serve $model --port $port --lora $adapter"}
    assert engine_of(Answering(engine="server", url="http://a.example"))["engine"]
