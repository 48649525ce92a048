"""Wrong settings are reported with key, place and correction."""

from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest
import yaml

from papertune.errors import SettingsError
from papertune.study.experiment_file import load_experiment
from snakemake_run import ROOT

DEMO = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())


def told(folder: Path, key: str, value: object) -> SettingsError:
    """What an experiment with one setting otherwise is refused for."""
    values = deepcopy(DEMO)
    part = values
    *outer, last = key.split(".")
    for name in outer:
        part = part.setdefault(name, {})
    part[last] = value
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    with pytest.raises(SettingsError) as error:
        load_experiment(path)
    assert error.value.where.startswith(str(path)) and "README" in error.value.hint
    return error.value


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("source", {"path": "x.csv"}, "source.kind: missing; write one of demo, "),
        ("source", {"kind": "csv", "path": "x.csv"}, "`kind: files` with `path: papers.csv`"),
        ("source", {"kind": "pdf", "path": "x"}, "`kind: pdfs`"),
        ("source", {"kind": "bib", "path": "x"}, "`kind: bibtex`"),
        ("source", {"kind": "arxvi"}, "did you mean 'arxiv'?"),
        ("source", "papers.csv", "source: a mapping of keys is wanted, and this is 'papers.csv'"),
        ("source", {"kind": "files"}, "source.path: missing"),
        ("splits.train", "2015-2019", "there can be from, to"),
        ("splits.train", [2015, 2019], "there can be from, to"),
        ("splits.validation", "10%", "write 0.1"),
        ("generators.other", {"model": "gpt2"}, "generators.other.backend: missing; write one of"),
        ("generators.other", {"backend": "opnai"}, "did you mean 'openai'?"),
        (
            "bases.other",
            "gpt2",
            "bases.other: a mapping of keys is wanted, and this is 'gpt2'; the",
        ),
        ("epochs", 3, "it belongs in training.epochs"),
        ("models.full.learning_rate", 1e-4, "it belongs in training.learning_rate"),
        ("models.lora.rank", 8, "models.lora.rank: unknown key; it belongs in lora.rank"),
        ("models.lora.lora", {"r": 8}, "models.lora.lora.r: unknown key; there can be rank"),
        ("seeds", 3, "write [3]"),
        ("metrics", None, "metrics: a list is wanted, and nothing is there"),
        ("question", False, "quotes"),
        ("training.epochs", -1, "has to be more than 0"),
        ("title", 2024, "this is 2024; put it into quotes"),
        ("title", date(2024, 5, 1), "this is 2024-05-01; put it into quotes"),
        ("seeds", [1, 2, 1], "seeds: 1 is listed twice"),
        ("models.lora.seeds", [3, 3], "models.lora.seeds: 3 is listed twice"),
        (
            "bases.mine",
            {"hub": "https://huggingface.co/a/b"},
            "bases.mine.hub: has to be a name of",
        ),
        ("metrics", ["token_f1"], "write comparison: {metric: token_f1}"),
        ("training.best_by", "similarity@nano", "'nano' does not exist, nor any other"),
        ("training.betas", [1.5, 2], "training.betas.0: has to be less than 1"),
        ("models.lora.lora", {"target_modules": "("}, "[q_proj]"),
        ("source", {"kind": "demo", "papers_per_year": 100}, "has to be 40 at most"),
        (
            "bases.mine",
            {"pretrain": {"architecture": {"width": 66, "heads": 2}}},
            "66 over heads 2",
        ),
    ],
)
def test_a_wrong_setting_is_told_what_to_write(tmp_path, key, value, said):
    assert said in told(tmp_path, key, value).what


def test_nearest_keys_are_those_of_the_place(tmp_path):
    """A key of another place of the schema is no help here."""
    said = told(tmp_path, "training.hub", "x").what
    assert "training.hub: unknown key" in said and "did you mean 'hub" not in said


def test_all_problems_are_said_at_once_each_with_its_place(tmp_path):
    error = told(tmp_path, "training", {"epoch": 3, "batch_size": 0})
    assert "2 things are wrong" in error.what
    assert error.what.count(f"{tmp_path / 'mine.yaml'}:") == 2
