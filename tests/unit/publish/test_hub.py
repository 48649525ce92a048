"""What is published is what was shown, and nothing leaves without a second confirmation."""

import base64
import json
from pathlib import Path

import pytest
import yaml

from chat_study import make_chat_study
from loopback import serving
from papertune.errors import PapertuneError
from papertune.models.modelcard import name_model
from papertune.pairfile import read_pairs, write_pairs
from papertune.publish.hub import publish, stage
from papertune.records import Score, write_records
from papertune.report.export import export_model
from papertune.study.design import Design
from papertune.study.here import layout_of
from papertune.study.settings import Comparison
from tiny_training import pairs

TOKEN = "hf_notasecretbutnobodysbusiness"
DESIGN = Design(["token_f1"], {}, [], {}, Comparison(metric="token_f1"), {})


class Hub:
    """The part of the Hub's API that takes files; all of them are regular ones here."""

    def __init__(self):
        self.files, self.public, self.site = {}, set(), None

    def __call__(self, handler):
        path, body = handler.asked.path, handler.asked.body
        parts = path.removeprefix("/api/").split("/")
        name = "/".join(parts[1:3])
        if path == "/api/repos/create":
            given = json.loads(body)
            assert "private" in (
                given.get("visibility"),
                *(["private"] * bool(given.get("private"))),
            ), given
            name = f"{given['organization']}/{given['name']}"
            self.files.setdefault(name, {})
            return 200, {}, {"url": self.site.url(f"/{name}"), "name": name}
        if "/preupload/" in path:
            asked = json.loads(body)["files"]
            return 200, {}, {"files": [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in asked
            ]}  # fmt: skip
        if "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    value = line["value"]
                    self.files[name][value["path"]] = base64.b64decode(value["content"])
            url = self.site.url(f"/{name}/commit/1")
            return 200, {}, {"commitUrl": url, "commitOid": "1" * 40, "hookOutput": ""}
        if path == "/api/validate-yaml":
            return 200, {}, {"errors": [], "warnings": []}
        if len(parts) == 3 and name in self.public:
            return 200, {}, {"id": name, "private": False, "siblings": [], "tags": []}
        return 404, {"X-Error-Code": "RepoNotFound"}, {"error": "none"}


@pytest.fixture
def hub(monkeypatch):
    from huggingface_hub import constants

    taken = Hub()
    with serving(taken) as site:
        taken.site = site
        monkeypatch.setattr(constants, "ENDPOINT", site.url())
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        yield taken


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study with a trained model that is exported, pairs, and a report."""
    folder = make_chat_study(tmp_path_factory.mktemp("study"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        layout = layout_of("talk")
        data = Path(layout.root, "datasets/rules")
        data.mkdir(parents=True)
        (data / "README.md").write_text("# rules\n")
        for split in ("train", "validation", "test"):
            write_pairs(data / f"{split}.parquet", pairs(0, 6))
        model, base = Path(layout.model("full", 1)), Path(layout.base("full"))
        splits = [data / "train.parquet"], [data / "validation.parquet"]
        name_model(model, layout.origin("full"), base, *splits)
        scores = folder / "scores.jsonl"
        write_records(scores, [Score(f"p{i}", f"d{i}", 2020, {"token_f1": 0.75}) for i in range(9)])
        export_model(
            model=model, base=base, output=Path(layout.root, "exports/full/seed-1"),
            scores={("full", 1, "rules"): scores}, design=DESIGN,
            answering=layout.experiment.answering, origin=layout.origin("full"),
        )  # fmt: skip
        Path(layout.root, "tables").mkdir()
        Path(layout.root, "tables/matrix.csv").write_text("model,mean\nfull,0.75\n")
        Path(layout.root, "report.html").write_text("<p>Cache 3 is green.")
    return folder


@pytest.mark.parametrize("said", [[""], ["y", ""], ["y", "lab/other"], None], ids=str)
def test_without_a_second_yes_nothing_is_sent(finished, hub, monkeypatch, said):
    monkeypatch.chdir(finished)
    monkeypatch.delenv("YES", raising=False)
    rest = iter(said or [])
    ask = (lambda _: next(rest)) if said else None
    assert not publish(layout_of("talk"), "lab", private=True, texts=False, ask=ask)
    assert {one.method for one in hub.site.asked} <= {"GET", "HEAD"} and not hub.files


@pytest.mark.parametrize("texts", [False, True])
def test_what_arrives_is_what_was_put_together(finished, hub, monkeypatch, tmp_path, capsys, texts):
    monkeypatch.chdir(finished)
    layout, said = layout_of("talk"), iter(["y", "lab/talk"])
    assert publish(layout, "lab", private=True, texts=texts, ask=lambda _: next(said))
    shown = capsys.readouterr().out
    assert TOKEN not in shown and "private" in shown and "licence of its base" in shown
    staged = stage(layout, "lab", tmp_path, texts=texts)
    assert {*hub.files} == {*staged} == {"lab/talk", "lab/talk-full-seed-1"}
    for name, (_, folder) in staged.items():
        there = {
            str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
        }
        assert hub.files[name] == there
    everything = b"".join(body for files in hub.files.values() for body in files.values())
    assert TOKEN.encode() not in everything and str(finished).encode() not in everything
    data, model = hub.files["lab/talk"], hub.files["lab/talk-full-seed-1"]
    assert (b"Cache 3 is" in everything) is texts and ("report.html" in data) is texts
    (tmp_path / "sent.parquet").write_bytes(data["rules/test.parquet"])
    assert all(bool(pair.context) is texts for pair in read_pairs(tmp_path / "sent.parquet"))
    assert b"folder = 'lab/talk-full-seed-1'" in model["README.md"]
    [result] = yaml.safe_load(model[".eval_results/papertune.yaml"])
    assert result["dataset"] == {"id": "lab/talk", "task_id": "rules_token_f1"}
    assert (result["value"], "date" in result, "source" in result) == (0.75, True, True)


def test_without_a_terminal_the_name_has_to_be_given(finished, hub, monkeypatch):
    monkeypatch.chdir(finished)
    monkeypatch.setenv("YES", "lab/talk")
    assert publish(layout_of("talk"), "lab", private=True, texts=False, ask=None)
    assert "lab/talk" in hub.files


def test_what_is_to_be_private_goes_into_no_public_repository(finished, hub, monkeypatch):
    monkeypatch.chdir(finished)
    monkeypatch.setenv("YES", "lab/talk")
    hub.public.add("lab/talk-full-seed-1")
    with pytest.raises(PapertuneError, match="public"):
        publish(layout_of("talk"), "lab", private=True, texts=False, ask=None)
    assert not hub.files
