"""``make explain``: every setting, where it is set, and secrets that it hides."""

from pathlib import Path

import pytest

from papertune.errors import SettingsError
from papertune.study.experiment_file import files_in, load_experiment
from papertune.study.explain import DEFAULT, explained, rows, table
from papertune.study.yaml_text import read
from snakemake_run import ROOT

FILES = ROOT / "config/experiments"


def settings_of(path):
    return {row.key: row for row in rows(load_experiment(path), read(path))}


@pytest.mark.parametrize("name", [str(path.relative_to(FILES)) for path in files_in(FILES)])
def test_every_key_of_a_file_is_shown_with_its_line(name):
    found = settings_of(FILES / name)
    lines = (FILES / name).read_text().splitlines()
    assert len(found) > 100
    said = [row for row in found.values() if row.origin != DEFAULT]
    assert len(said) > 10
    for row in said:
        line = lines[int(row.origin.rpartition(":")[2]) - 1]
        assert any(part in line for part in [*row.key.split("."), "after", "sweep"]), (row, line)


def test_values_are_those_of_the_file_or_of_the_default():
    path = FILES / "smollm2.yaml"
    found = settings_of(path)
    study = load_experiment(path)
    assert (
        found["training.epochs"].value == "2.0" and DEFAULT not in found["training.epochs"].origin
    )
    assert found["training.weight_decay"].value == str(study.training.weight_decay)
    assert found["training.weight_decay"].origin == DEFAULT
    # a model is trained as its own settings say, else as those of all do
    assert found["models.lora.training.learning_rate"].value == "0.0002"
    assert found["models.lora.training.epochs"].origin == found["training.epochs"].origin
    assert found["models.lora.training.clip"].origin == DEFAULT
    # and of no part that its method does not read
    assert "models.lora.lora.rank" in found and "models.full.lora.rank" not in found
    assert found["splits.train.from"].value == "2011"


def test_a_part_is_shown_alone_and_an_unknown_one_is_answered_with_the_nearest(monkeypatch):
    monkeypatch.chdir(ROOT)
    text = explained("demo", "models.lora", [Path("config/experiments")], 80)
    assert "lora.lora.rank: 16" in text and "config/experiments/demo.yaml:" in text
    assert "fetching" not in text and "full.method" not in text
    with pytest.raises(SettingsError, match="did you mean 'training'"):
        explained("demo", "trainin", [Path("config/experiments")], 80)


def test_contacts_and_what_looks_like_a_key_are_not_shown(tmp_path):
    path = tmp_path / "mine.yaml"
    text = (FILES / "demo.yaml").read_text()
    served = (
        "  served: {backend: openai, model: m, prompt: workflow/prompts/detailed.txt, "
        "serve: 'serve $model --port $port --api-key abc-123-def'}\n"
    )
    text = text.replace("generators:\n", f"generators:\n{served}")
    path.write_text(f"{text}\nfetching: {{contact: me@home.example}}\n")
    shown = table([*settings_of(path).values()], 80)
    assert "me@home.example" not in shown and "abc-123-def" not in shown
    assert "not shown" in shown and "--api-key ***" in shown
