"""Probes: how they are asked, which pairs are picked, and which are refused."""

import pytest
import yaml

from papertune.errors import SettingsError
from papertune.study import uses
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.probes import PROBES, WITHOUT_TEXT, picked_from, probe_sets
from papertune.study.prompts import QUESTION
from snakemake_run import ROOT

MINE = {"prompt": "What is Tern?", "reference": "A cache"}
PROBED = {
    "mine": MINE,
    "about": {"prompt": "What is it?", "context": "Tern is a cache.", "from": "unseen"},
    "trained": {"from": "train", "pick": 2},
    "tested": {"from": "test", "pick": 1},
}


@pytest.fixture
def values():
    return yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())


def layout(values, **more) -> Layout:
    return Layout("mine", Experiment.model_validate(values | more))


def test_what_has_no_text_is_asked_as_by_a_closed_book_and_all_else_as_test_sets_are(values):
    study = layout(values, probes=PROBED).experiment
    sets = probe_sets(study)
    assert [*sets[PROBES]] == ["about", "trained", "tested"] and [*sets[WITHOUT_TEXT]] == ["mine"]
    assert study.asked_template(PROBES, "lora") == study.asked_template("extractive", "lora")
    assert study.asked_template(WITHOUT_TEXT, "lora") == QUESTION
    # a prompt that shows no text is the one that all are asked with
    other = layout(values, probes=PROBED, prompt="workflow/prompts/question.txt").experiment
    assert [*probe_sets(other)] == [PROBES]


def test_probes_are_answered_and_scored_and_stand_in_no_table_of_test_sets(values):
    before, study = layout(values), layout(values, probes=PROBED)
    assert study.by_cell("scores") == before.by_cell("scores")
    assert {name for *_, name in study.of_probes("answers")} == {PROBES, WITHOUT_TEXT}
    assert uses.compare(study).identity() == uses.compare(before).identity()
    assert study.picked(PROBES) == {
        "trained": "results/mine/datasets/extractive/train.parquet",
        "tested": "results/mine/datasets/extractive/test.parquet",
    }
    mine = Experiment.model_validate(values | {"probes": PROBED})
    chosen = mine.probes["tested"].model_copy(update={"generator": "cloze"})
    assert picked_from(mine, chosen) == ("cloze", "test")


def test_a_label_asks_nobody_anew(values):
    named = {**PROBED, "mine": {**MINE, "label": "My own"}}
    for name in (PROBES, WITHOUT_TEXT):
        plain, labelled = (
            uses.gather_probes(layout(values, probes=probes), name) for probes in (PROBED, named)
        )
        assert plain.identity() == labelled.identity()
    plain, labelled = (uses.report(layout(values, probes=probes)) for probes in (PROBED, named))
    assert plain.identity() != labelled.identity()


@pytest.mark.parametrize(
    ("more", "key", "what"),
    [
        ({"probes": {"a": {}}}, "probes.a", "prompt, pick"),
        ({"probes": {"a": MINE | {"pick": 2}}}, "probes.a", "prompt, pick"),
        ({"probes": {"a": {"pick": 2}}}, "probes.a", "own"),
        ({"probes": {"a": {"from": "unseen", "pick": 2}}}, "probes.a", "unseen"),
        ({"probes": {"a": {"from": "test", "pick": 1, "reference": "x"}}}, "probes.a", "reference"),
        ({"probes": {"a": MINE | {"generator": "cloze"}}}, "probes.a", "generator"),
        (
            {"probes": {"a": {"from": "train", "pick": 1, "generator": "cloze"}}},
            "probes.a.generator",
            "extractive",
        ),
        (
            {"probes": {"a": {"from": "test", "pick": 1, "generator": "nobody"}}},
            "probes.a.generator",
            "cloze",
        ),
        ({"probes": {"a": MINE, "b": MINE | {"from": "unseen"}}}, "probes.b", "a asks"),
        ({"probes": {"a": MINE}, "test_sets": {"probes-closed": {"generator": "cloze"}}},
         "test_sets.probes-closed", "rename"),
        ({"probes": {"A": MINE}}, "probes", "A"),
        ({"probes": {"a": MINE}, "ratings": "~/.ssh/*"}, "ratings", "hidden"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_with_its_key(tmp_path, monkeypatch, values, more, key, what):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values | more))
    with pytest.raises(SettingsError) as error:
        load_experiment(path)
    assert f"{key}" in str(error.value) and what in str(error.value)


def test_a_prompt_of_a_test_set_lies_where_prompts_may_lie(tmp_path, values):
    secret, folder = tmp_path / "secret.txt", tmp_path / "study"
    secret.write_text("a key")
    folder.mkdir()
    path = folder / "mine.yaml"
    closed = {"generator": "extractive", "book": "closed", "prompt": str(secret)}
    path.write_text(yaml.safe_dump(values | {"test_sets": {"extractive": {}, "closed": closed}}))
    with pytest.raises(SettingsError) as error:
        load_experiment(path)
    assert "test_sets.closed.prompt" in str(error.value)
