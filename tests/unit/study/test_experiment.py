import json
from pathlib import Path

import pytest
import yaml

from papertune.errors import SettingsError
from papertune.study.experiment_file import load_experiment, load_named, locate
from papertune.study.schemas import schemas

ROOT = Path(__file__).parents[3]
EXPERIMENTS = ROOT / "config" / "experiments"


@pytest.fixture
def values():
    return yaml.safe_load((EXPERIMENTS / "isca.yaml").read_text())


def load(tmp_path, values):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    return load_experiment(path)


def complaint(tmp_path, values) -> str:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, values)
    assert str(tmp_path / "mine.yaml") in str(error.value)
    assert "config/README.md" in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_that_comes_along_is_valid(path):
    assert load_experiment(path).models


def test_an_unknown_key_is_named_with_its_nearest(tmp_path, values):
    values["models"]["lora"]["trainning"] = {}
    assert "models.lora.trainning: unknown key (did you mean 'training'?)" in complaint(
        tmp_path, values
    )


def test_an_unknown_hyperparameter_of_a_model_is_named(tmp_path, values):
    values["models"]["lora"]["training"] = {"learning_rat": 1}
    text = complaint(tmp_path, values)
    assert "models.lora.training.learning_rat: unknown key (did you mean 'learning_rate'?)" in text


def test_the_key_of_a_source_or_generator_is_written_as_the_user_wrote_it(tmp_path, values):
    values["source"]["urll"] = "x"
    values["generators"]["gemma"]["promt"] = "x"
    text = complaint(tmp_path, values)
    assert "source.urll: unknown key (did you mean 'url'?)" in text
    assert "generators.gemma.promt: unknown key (did you mean 'prompt'?)" in text


def test_an_optimiser_that_cannot_be_cut_up_is_refused_with_fsdp_only(tmp_path, values):
    values["models"]["full"]["training"] = {"optimizer": "adamw_8bit"}
    assert load(tmp_path, values)
    values["compute"] = values.get("compute", {}) | {"gpu": 2, "parallel": "fsdp"}
    said = complaint(tmp_path, values)
    assert "models.full: the state of the optimiser adamw_8bit cannot be cut up" in said
    assert "take adamw or sgd, or ddp" in said
    # a base in 4 bit is never cut up
    values["models"]["full"]["method"] = "qlora"
    compute = load(tmp_path, values).compute
    assert not compute.shards_weights("qlora") and compute.shards_weights("lora")


def test_a_wrong_type_is_shown(tmp_path, values):
    values["seeds"] = ["one"]
    assert "seeds.0" in (text := complaint(tmp_path, values)) and "'one'" in text


def test_an_empty_year_range_is_refused(tmp_path, values):
    values["splits"]["test"] = {"from": 2024, "to": 2022}
    assert "no years from 2024 to 2022" in complaint(tmp_path, values)


def test_overlapping_years_are_refused(tmp_path, values):
    values["splits"]["test"] = {"from": 2020, "to": 2024}
    assert "train and test overlap in 2020–2021" in complaint(tmp_path, values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["models"]["full"].update(base="gpt3"), "models.full.base: 'gpt3'"),
        (lambda v: v.update(test_sets=["gema"]), "did you mean 'gemma'?"),
        (lambda v: v.update(metrics=["similarty"]), "did you mean 'similarity'?"),
        (lambda v: v["comparison"].update(metric="exact_match"), "comparison.metric"),
        (lambda v: v.update(export=["baseline"]), "export: 'baseline' is none of full, lora"),
        (lambda v: v["bases"]["gpt2"].pop("revision"), "needs revision"),
        (lambda v: v["bases"]["gpt2"].update(path="x"), "exactly one of hub, path, pretrain"),
        (lambda v: v["answering"].update(engine="vllm"), "backend: openai"),
    ],
)
def test_names_that_point_nowhere_are_refused(tmp_path, values, change, message):
    change(values)
    assert message in complaint(tmp_path, values)


def test_a_file_that_is_no_yaml_says_where(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: [1\nb: 2")
    with pytest.raises(SettingsError, match="not YAML") as error:
        load_experiment(path)
    assert "line 2" in str(error.value)


def test_a_mistyped_experiment_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'isca'"):
        locate("icsa", [EXPERIMENTS])


def test_two_experiments_of_one_name_are_refused(tmp_path, values):
    (tmp_path / "isca.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(SettingsError, match="two experiments are called 'isca'"):
        load_named(["isca", str(tmp_path / "isca.yaml")], [EXPERIMENTS])


def test_a_model_takes_the_shared_hyperparameters_with_its_own_on_top(values, tmp_path):
    experiment = load(tmp_path, values)
    assert experiment.training_of("full").epochs == experiment.training_of("lora").epochs == 15
    assert experiment.training_of("lora").learning_rate == 2e-4
    assert experiment.seeds_of("baseline") == [0]


def test_the_schema_for_editors_says_what_the_program_checks():
    folder = ROOT / "workflow/schemas"
    written = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert written == schemas(), "run `make schema`"


def test_the_schema_refuses_unknown_keys_everywhere():
    def objects(node):
        if isinstance(node, dict):
            if "properties" in node and node.get("type") == "object":
                yield node
            for item in node.values():
                yield from objects(item)
        elif isinstance(node, list):
            for item in node:
                yield from objects(item)

    found = list(objects(schemas()))
    assert len(found) > 20
    assert all(node["additionalProperties"] is False for node in found)


def test_every_key_is_explained():
    """config/README.md names every key that an experiment file can have."""
    text = (ROOT / "config/README.md").read_text()

    def keys(node):
        if isinstance(node, dict):
            yield from node.get("properties", {})
            for item in node.values():
                yield from keys(item)
        elif isinstance(node, list):
            for item in node:
                yield from keys(item)

    missing = sorted({key for key in keys(schemas()) if f"`{key}`" not in text})
    assert not missing
