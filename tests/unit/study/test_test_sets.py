"""Test sets by name: the documents, questions and book of each."""

import pytest
import yaml

from papertune.errors import SettingsError
from papertune.study import uses
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from papertune.study.prompts import QUESTION
from snakemake_run import ROOT

CLOSED = {"generator": "extractive", "book": "closed"}


@pytest.fixture
def values():
    return yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())


def layout(values, **more) -> Layout:
    return Layout("mine", Experiment.model_validate(values | more))


def test_names_alone_are_sets_by_the_generators_of_these_names(values):
    named, whole = layout(values, test_sets=["cloze"]), layout(values, test_sets={"cloze": {}})
    assert named.generated == whole.generated
    for of in (named, whole):
        assert of.test_set("cloze") == "results/mine/datasets/cloze/test.parquet"
        assert of.experiment.set_label("cloze") == of.experiment.writer_label("cloze")
    assert layout(values).experiment.test_set_names == [*values["generators"]]


def test_a_closed_book_is_asked_without_the_text(values):
    study = layout(values, test_sets={"extractive": {}, "closed": CLOSED})
    asked = {
        name: uses.answer(study, "lora", "1", name).counted["prompt"]
        for name in study.experiment.sets
    }
    assert "$context" in asked["extractive"] and asked["closed"] == QUESTION
    assert study.test_set("closed") == study.test_set("extractive")
    assert study.experiment.usual_sets == ["extractive"]


def test_holding_pairs_out_trains_anew_and_a_closed_book_does_not(values):
    before = layout(values, test_sets=["extractive"])
    held = {**values["splits"], "held_out": 0.2}

    def trained(of: Layout) -> str:
        return uses.synthesize(of, "extractive", "train").identity()

    assert trained(layout(values, test_sets={"extractive": {}, "c": CLOSED})) == trained(before)
    assert trained(layout(values, splits=held)) != trained(before)


@pytest.mark.parametrize(
    ("sets", "key", "what"),
    [
        ({"a": {"generator": "nobody"}}, "test_sets", "nobody"),
        ({"a": {"generatr": "cloze"}}, "test_sets.a.generatr", "did you mean 'generator'"),
        ({"cloze": {"questions": "trained"}}, "test_sets.cloze", "trained"),
        ({"extractive": {"documents": "train"}}, "test_sets.extractive.documents", "held_out"),
        (
            {"cloze": {"documents": "train", "questions": "trained"}},
            "test_sets.cloze.questions",
            "extractive",
        ),
        ({"a": CLOSED}, "test_sets", "book: open"),
        (
            {"cloze": {}, "a": CLOSED | {"prompt": "workflow/prompts/answer.txt"}},
            "test_sets.a.prompt",
            "$context",
        ),
        ("cloze", "test_sets", "list"),
    ],
)
def test_what_cannot_be_asked_is_said_with_its_key(tmp_path, values, sets, key, what):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values | {"test_sets": sets}))
    with pytest.raises(SettingsError) as error:
        load_experiment(path)
    assert f"{key}: " in str(error.value) and what in str(error.value)
    assert "mine.yaml:" in str(error.value)
