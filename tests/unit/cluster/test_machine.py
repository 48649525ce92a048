"""Checks of this machine: disk, clock, internet, models, a browser."""

from collections.abc import Iterator

import pytest
from huggingface_hub import constants
from pydantic import TypeAdapter

from loopback import Loopback, serving
from papertune.cluster import machine
from papertune.cluster.findings import doubt, doubts_unless_wrong, fine, wrong
from papertune.cluster.hub import HubModel, check_models, hub_models
from papertune.cluster.slurm import ClusterError
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.settings import Source
from processes import program
from small_disk import fill, small_disk
from snakemake_run import ROOT

MODEL = HubModel("lab/small", "a" * 40, "models/lab--small/" + "a" * 40)


@pytest.fixture
def hub(monkeypatch) -> Iterator[Loopback]:
    """A server in the Hub's place."""
    with serving((200, {}, "")) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url())
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield server


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def isca() -> Layout:
    return Layout("isca", load_experiment(ROOT / "config/experiments/isca.yaml"))


# ---- models -------------------------------------------------------------------


def test_who_is_offline_or_has_the_model_does_not_ask(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (finding,) = check_models([MODEL], ["isca"])
    assert finding.state == "wrong" and "HF_HUB_OFFLINE is set" in finding.text
    (tmp_path / MODEL.folder).mkdir(parents=True)
    assert list(check_models([MODEL], ["isca"])) == hub.asked == []


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (307, "ok", "snakemake --until download_base --config experiments=isca"),
        (401, "wrong", "agree to its licence"),
        (404, "wrong", "check the id"),
    ],
)
def test_whether_the_hub_gives_a_model_is_found_before(hub, monkeypatch, status, state, said):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.otherwise = (status, {}, "")
    (finding,) = check_models([MODEL], ["isca"])
    assert finding.state == state and said in str(finding) and "secret" not in str(finding)
    assert [(one.target, one.headers["Authorization"]) for one in hub.asked] == [
        (f"/lab/small/resolve/{'a' * 40}/config.json", "Bearer hf_secret")
    ]


def test_without_internet_the_command_that_downloads_is_named(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    other = HubModel("lab/big", "b" * 40, "models/lab--big")
    (finding,) = check_models([MODEL, other], ["isca"])  # one sentence for all of them
    assert finding.state == "wrong"
    assert "lab/small, lab/big, and http://127.0.0.1:9 does not answer" in finding.text
    assert "snakemake --until download_base --config experiments=isca" in finding.hint


def test_an_experiment_needs_its_bases_and_its_generators_models():
    layout = isca()
    assert {model.name: model.folder for model in hub_models(layout)} == {
        "openai-community/gpt2": layout.base("baseline"),
        "google/gemma-2-2b-it": layout.generator_model("gemma"),
        "mistralai/Mistral-7B-Instruct-v0.3": layout.generator_model("mistral"),
    }


# ---- internet and browser -----------------------------------------------------


def study(url: str, hosts: tuple[str, ...] = ("127.0.0.1",)) -> Layout:
    experiment = isca().experiment
    source = experiment.source.model_copy(update={"url": url + "/{year}.html"})
    fetching = experiment.fetching.model_copy(update={"allow_hosts": hosts})
    changed = {"source": source, "fetching": fetching}
    return Layout("isca", experiment.model_copy(update=changed))


def test_a_source_within_reach_is_asked_by_its_host(hub, monkeypatch):
    hub.otherwise = (403, {}, "")  # an answer all the same
    assert next(machine.check_source(study(hub.url()))) == fine(hub.url("/ answers"))
    assert [(one.target, one.headers.get("Authorization")) for one in hub.asked] == [("/", None)]
    monkeypatch.setenv("http_proxy", hub.url())
    assert next(machine.check_source(study("http://venue.example"))).state == "ok"
    assert hub.paths[-1] == "http://venue.example/"


def test_a_source_at_a_private_address_is_asked_only_where_it_is_allowed(hub, monkeypatch):
    for proxy in ("", hub.url()):
        monkeypatch.setenv("http_proxy", proxy)
        found = next(machine.check_source(study(hub.url(), ())))
        assert found.state == "wrong" and "private address" in found.text
        assert "fetching.allow_hosts" in found.hint
    assert hub.asked == []


def test_a_source_at_no_address_is_named():
    for url in ("http://127.0.0.1:99999", "http://"):
        assert next(machine.check_source(study(url))).state == "wrong"


@pytest.mark.parametrize(
    ("source", "site"),
    [
        ({"kind": "wikipedia", "titles": ["A"], "language": "vi"}, "https://vi.wikipedia.org/"),
        ({"kind": "pmlr", "volumes": {2020: [1]}}, "https://proceedings.mlr.press/"),
        ({"kind": "dblp", "url": "http://d.example:8080/{year}.html"}, "http://d.example:8080/"),
        ({"kind": "acl", "url": "https://{year}.acl.example/e"}, "https://2020.acl.example/"),
        ({"kind": "acl", "url": "https://{session}.acl.example/e"}, ""),
        ({"kind": "demo"}, ""),
        ({"kind": "pdfs", "path": "papers"}, ""),
    ],
)
def test_the_server_of_a_source_is_one_that_there_is(source, site):
    assert TypeAdapter(Source).validate_python(source).server(2020) == site


@pytest.mark.parametrize(
    ("way", "unsafe", "state"),
    [("bubblewrap", False, "ok"), ("namespaces", True, "ok"), ("none", False, "wrong"),
     ("none", True, "doubt")],
)  # fmt: skip
def test_what_programs_of_models_would_run_in(way, unsafe, state, monkeypatch):
    monkeypatch.setattr(machine.sandbox, "way", lambda: way)
    study = load_experiment(ROOT / "config/experiments/translation-code-python.yaml")
    how = study.programs.model_copy(update={"allow_unsafe": unsafe})
    layout = Layout("code", study.model_copy(update={"programs": how}))
    [found] = machine.check_programs([layout, isca()])
    assert found.state == state
    assert list(machine.check_programs([isca()])) == []


def test_what_is_out_of_reach_or_missing_matters_until_all_is_collected(tmp_path, monkeypatch):
    monkeypatch.setenv("PAPERTUNE_CHROMIUM", "no-such-browser")
    layout = study("http://127.0.0.1:9")
    site, browser = machine.check_source(layout)
    assert site.state == "wrong" and browser.state == "doubt" and "chromium" in browser.hint
    assert "snakemake documents --config experiments=isca" in site.hint
    for path in layout.documents():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert list(machine.check_source(layout)) == []


# ---- folders ------------------------------------------------------------------


def test_folders_of_one_disk_are_looked_at_once(tmp_path):
    found = list(machine.check_folders(["results", "store", tmp_path]))
    assert len(found) == 2
    assert found[0].text.startswith("results: room for ")
    assert found[1] == fine("results can be written to, and its clock agrees with this machine's")
    assert list(tmp_path.iterdir()) == []


def test_a_small_or_full_disk_is_named(tmp_path):
    with small_disk(tmp_path / "disk", "1M") as disk:
        assert [item.state for item in machine.check_folders([disk / "store"])] == ["doubt", "ok"]
        fill(disk)
        _, probe = machine.check_folders([disk / "store"])
        assert probe.state == "wrong" and "No space left on device" in probe.text


def test_a_clock_that_goes_wrong_is_named(monkeypatch, tmp_path):
    now = machine.time.time()
    monkeypatch.setattr(machine.time, "time", lambda: now + 90)
    _, probe = machine.check_folders([tmp_path])
    assert probe.state == "doubt" and "90 seconds apart" in probe.text


@pytest.mark.parametrize(
    ("tool", "prints", "status", "states"),
    [
        ("quota", "", 0, ["ok", "ok"]),
        ("quota", "Disk quotas for a: \n /dev/x 900* 800 1000", 1, ["ok", "ok", "doubt"]),
        ("lfs", "/lustre 1900* 1000 1000 6d 5 0 0 -", 0, ["ok", "ok", "doubt"]),
        ("lfs", "not a Lustre file system", 1, ["ok", "ok"]),
    ],
)
def test_a_passed_quota_is_a_doubt(monkeypatch, tmp_path, tool, prints, status, states):
    """The tools cannot run here: they need disks of their kind."""
    program(tmp_path / tool, f"echo '{prints}'\nexit {status}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(machine, "LITTLE", 0)
    assert [item.state for item in machine.check_folders([tmp_path])] == states


# ---- what is made of findings -------------------------------------------------


def test_a_run_stops_for_what_is_wrong_and_for_nothing_else():
    def said(*findings):
        return list(doubts_unless_wrong(findings, "submitted"))

    assert said(fine("a"), doubt("b", "c")) == [doubt("b", "c")]
    with pytest.raises(ClusterError, match="nothing was submitted: bad") as error:
        said(fine("a"), wrong("bad", "do this"))
    assert str(error.value).endswith("What to do: do this")
    with pytest.raises(ClusterError, match=r"2 things are wrong:\n1\. bad\n   What to do: do this"):
        said(wrong("bad", "do this"), wrong("worse", "do that"))
