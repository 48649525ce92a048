"""Finished models in the store: made once, linked into results, and never written through."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

from papertune.models.digests import weights_digest
from papertune.models.modelcard import add_facts
from papertune.models.modelfolder import MODELS, model_folder, place

WEIGHTS = "model.safetensors"


class Maker:
    """Makes a folder with two files, and counts how often."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.made = tmp_path, 0

    def make(self, output: Path, checkpoints: Path) -> None:
        self.made += 1
        with model_folder(output) as folder:
            (folder / WEIGHTS).write_text("weights")
            (folder / "training.json").write_text("{}")

    def __call__(self, output: str, identity: int = 1, name=lambda folder: None) -> Path:
        found = self.folder / output
        place(self.folder / "store", MODELS, {"of": identity}, found, self.make, name)
        return found

    @property
    def kept(self) -> list[Path]:
        return sorted((self.folder / "store" / MODELS).iterdir())


@pytest.fixture
def maker(tmp_path) -> Maker:
    return Maker(tmp_path)


def test_a_model_is_made_once_and_its_bytes_are_shared(maker):
    first, second = maker("a/full/seed-1"), maker("renamed/full/seed-1")
    assert maker.made == 1
    assert (first / WEIGHTS).samefile(second / WEIGHTS)
    assert weights_digest(first) == weights_digest(second)
    assert (first / WEIGHTS).stat().st_mode & 0o444 == 0o444
    assert sorted(path.name for path in first.iterdir()) == [WEIGHTS, "training.json"]
    assert not list((maker.folder / "store/checkpoints").iterdir())
    maker("b/full/seed-1", identity=2)
    assert maker.made == 2 and len(maker.kept) == 2


def test_names_are_the_results_own(maker):
    model = maker("a/m/seed-1", name=lambda folder: add_facts(folder, {"study": "a"}))
    assert json.loads((model / "training.json").read_text()) == {"study": "a"}
    assert json.loads((maker.kept[0] / "training.json").read_text()) == {}


@pytest.mark.parametrize("damaged", [WEIGHTS, "identity.json"])
@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_a_damaged_model_is_made_again_and_that_is_said(maker, damage, damaged, caplog):
    maker("a/m/seed-1")
    [folder] = maker.kept
    (folder / damaged).unlink()
    if damage == "torn":
        (folder / damaged).write_text('{"iden')
    assert (maker("b/m/seed-1") / WEIGHTS).read_text() == "weights"
    assert maker.made == 2 and "is damaged" in caplog.text
    assert maker.kept == [folder]


@pytest.mark.parametrize("step", ["_move", "link_or_copy"])
def test_a_kill_after_the_making_loses_nothing(maker, step, monkeypatch):
    with monkeypatch.context() as patch:
        inside = f"papertune.models.modelfolder.{step}"
        patch.setattr(inside, Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            maker("a/m/seed-1")
    assert not (maker.folder / "a/m/seed-1").exists()
    assert (maker("a/m/seed-1") / WEIGHTS).exists() and maker.made == 1


def test_several_jobs_at_once_all_get_a_whole_model(maker):
    with ThreadPoolExecutor(6) as pool:
        models = list(pool.map(lambda study: maker(f"{study}/m/seed-1"), "abcdef"))
    assert {(model / WEIGHTS).read_text() for model in models} == {"weights"}
    assert len({(model / WEIGHTS).stat().st_ino for model in models}) == 1
    assert len(maker.kept) == 1


def test_where_links_cannot_be_files_are_copied(maker, monkeypatch):
    monkeypatch.setattr(os, "link", Mock(side_effect=OSError(18, "Invalid cross-device link")))
    model = maker("a/m/seed-1")
    assert (model / WEIGHTS).read_text() == "weights"
    assert not (model / WEIGHTS).samefile(maker.kept[0] / WEIGHTS)
