"""What is published is what was shown, and nothing leaves without a second confirmation."""

import re
from pathlib import Path

import pytest
import yaml

from chat_study import make_chat_study
from hub_server import Hub
from loopback import serving
from papertune.errors import PapertuneError
from papertune.generators.synthesis import describe_dataset
from papertune.models.modelcard import name_model
from papertune.pairfile import read_pairs, write_pairs
from papertune.publish.hub import publish, stage
from papertune.records import Score, write_records
from papertune.report.export import export_model
from papertune.report.parts import embed_json
from papertune.study.design import Design
from papertune.study.here import layout_of
from papertune.study.settings import Comparison
from processes import python
from tiny_training import pairs

TOKEN = "hf_notasecretbutnobodysbusiness"
TEXT = "Cache 3 is grey."
SPLITS = ("test", "train", "validation")
DESIGN = Design(["token_f1"], {}, [], {}, Comparison(metric="token_f1"), {})


PUSHES = """
from papertune.errors import run_command
from papertune.publish.hub import main
run_command(lambda _: main(["talk", "--to", "lab"]))
"""


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    from huggingface_hub import constants

    taken = Hub(TOKEN)
    with serving(taken) as site:
        taken.site = site
        monkeypatch.setattr(constants, "ENDPOINT", site.url())
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        own = {"HF_TOKEN": TOKEN, "HF_ENDPOINT": site.url(), "HF_HUB_DISABLE_XET": "1"}
        on = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"), "0")
        for name, value in (own | on | {"HF_HOME": str(tmp_path)}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
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
        for n, split in enumerate(SPLITS):
            write_pairs(data / f"{split}.parquet", pairs(6 * n, 6))
        describe_dataset(
            splits=[*data.glob("*.parquet")], taken_out=[], rejected=[], output=data / "README.md",
            title="Small talk", name="rules", by_year=True, generator={"backend": "rules"},
        )  # fmt: skip
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
        piece = {"documents": [["Cache 3", "", TEXT]], "questions": []}
        report = f'<script type="application/json" id="answers-0">{embed_json(piece)}</script>'
        Path(layout.root, "report.html").write_text(report)
        Path(layout.root, "explorer").mkdir()
        beside = f"papertuneAnswers(0,{embed_json(piece)})\n"
        Path(layout.root, "explorer/0.js").write_text(beside)
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
    assert hub.files == {name: contents(folder) for name, (_, folder) in staged.items()}
    everything = b"".join(body for files in hub.files.values() for body in files.values())
    assert TOKEN.encode() not in everything and str(finished).encode() not in everything
    data, model = hub.files["lab/talk"], hub.files["lab/talk-full-seed-1"]
    assert (TEXT.encode() in everything) is texts
    for name in ("report.html", "explorer/0.js"):
        assert b"Cache 3" in data[name] and (TEXT.encode() in data[name]) is texts
    (tmp_path / "sent.parquet").write_bytes(data["rules/test.parquet"])
    assert all(bool(pair.context) is texts for pair in read_pairs(tmp_path / "sent.parquet"))
    assert b"folder = 'lab/talk-full-seed-1'" in model["README.md"]
    [result] = yaml.safe_load(model[".eval_results/papertune.yaml"])
    assert result["dataset"] == {"id": "lab/talk", "task_id": "rules_token_f1"}
    assert (result["value"], "date" in result, "source" in result) == (0.75, True, True)
    [task] = yaml.safe_load(data["eval.yaml"])["tasks"]
    assert task == {"id": "rules_token_f1", "config": "rules", "split": "test"}


def card_code(card):
    return re.search(r"```python\n(.*?)```", card.decode(), re.S)[1]


def test_the_code_of_pushed_cards_runs_as_it_stands(finished, hub, monkeypatch, tmp_path):
    monkeypatch.chdir(finished)
    monkeypatch.setenv("YES", "lab/talk")
    assert publish(layout_of("talk"), "lab", private=True, texts=False, ask=None)
    data, model = hub.files["lab/talk"], hub.files["lab/talk-full-seed-1"]
    here = Path(layout_of("talk").root, "datasets/rules").absolute()
    cards, said = (data["README.md"], data["rules/README.md"], model["README.md"]), []
    (tmp_path / "empty").mkdir()
    own = (here / "README.md").read_bytes()
    for card, folder in [*((one, tmp_path / "empty") for one in cards), (own, here)]:
        ran = python(card_code(card), cwd=folder)
        told, problems = ran.communicate(timeout=300)
        assert ran.returncode == 0, problems
        said.append(told)
    assert said[0].startswith("6 What is cache 0? red")
    assert all(f"{split}: Dataset" in one for split in SPLITS for one in (said[1], said[3]))
    assert b"| `rules` | test, train, validation |" in data["README.md"]


def test_what_was_killed_is_finished_and_nothing_goes_twice(finished, hub, monkeypatch, tmp_path):
    monkeypatch.chdir(finished)
    monkeypatch.setenv("YES", "lab/talk")
    weights = Path(layout_of("talk").exports()[0], "model.safetensors").read_bytes()

    def push(kill: bytes = b"") -> int:
        process = python(PUSHES, cwd=finished)
        hub.before = lambda large: process.kill() if large == kill else None
        assert TOKEN not in process.communicate(timeout=200)[1]
        return process.returncode

    assert push(kill=weights) == -9
    assert [name for name, _ in hub.commits] == ["lab/talk"]
    assert push() == 0
    (tmp_path / "staged").mkdir()
    staged = stage(layout_of("talk"), "lab", tmp_path / "staged", texts=False)
    assert hub.files == {name: contents(folder) for name, (_, folder) in staged.items()}
    assert [name for name, _ in hub.commits] == [*staged]
    assert push() == 0 and len(hub.commits) == len(staged)


def test_large_files_arrive_by_xet_as_they_are(finished, hub, monkeypatch, tmp_path):
    monkeypatch.chdir(finished)
    monkeypatch.setenv("YES", "lab/talk")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "0")
    staged = stage(layout_of("talk"), "lab", tmp_path, texts=False)
    for _ in range(2):  # the second time nothing is left to do
        process = python(PUSHES, cwd=finished)
        _, problems = process.communicate(timeout=200)
        assert process.returncode == 0, problems
    assert hub.files == {name: contents(folder) for name, (_, folder) in staged.items()}
    assert [name for name, _ in hub.commits] == [*staged] and hub.chunks and not hub.large


def test_without_a_terminal_the_name_has_to_be_given(finished, hub, monkeypatch):
    monkeypatch.chdir(finished)
    monkeypatch.setenv("YES", "lab/talk")
    assert publish(layout_of("talk"), "lab", private=True, texts=False, ask=None)
    assert "lab/talk" in hub.files


def test_what_is_to_be_private_goes_into_no_public_repository(finished, hub, monkeypatch):
    monkeypatch.chdir(finished)
    monkeypatch.setenv("YES", "lab/talk")
    hub.files["lab/talk-full-seed-1"] = {}
    hub.public.add("lab/talk-full-seed-1")
    with pytest.raises(PapertuneError, match="public"):
        publish(layout_of("talk"), "lab", private=True, texts=False, ask=None)
    assert hub.commits == [] and [*hub.files] == [*hub.public]
