import json
import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from papertune.errors import SettingsError
from papertune.study.experiment_file import load_experiment, load_named, locate, schemas
from papertune.study.settings import Source

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
    study = load_experiment(path)
    assert study.models and not study.compute.shards_weights("qlora")  # 4 bit is never cut up


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        ("models.lora", {"trainning": {}}, "models.lora.trainning: unknown key (did you mean 'tra"),
        (
            "models.lora.training",
            {"learning_rat": 1},
            "models.lora.training.learning_rat: unknown key (did you mean 'learning_rate'?)",
        ),
        ("", {"split": {}}, "split: unknown key (did you mean 'splits'?)"),  # a key elsewhere
        # branches of a union are no keys
        ("source", {"urll": "x"}, "source.urll: unknown key (did you mean 'url'?)"),
        ("generators.gemma", {"promt": 1}, "generators.gemma.promt: unknown key (did you mean"),
        ("", {"seeds": ["one"]}, "seeds.0: Input should be a valid integer, "),
        ("splits", {"test": {"from": 2024, "to": 2022}}, "no years from 2024 to 2022"),
        ("splits", {"test": 0.5}, "train: give years to both train and test"),
        ("splits", {"test": {"from": 2020, "to": 2024}}, "train and test overlap in 2020–2021"),
        ("models.full", {"base": "gpt3"}, "models.full.base: 'gpt3'"),
        ("", {"test_sets": ["gema"]}, "did you mean 'gemma'?"),
        ("", {"metrics": ["similarty"]}, "did you mean 'similarity'?"),
        ("comparison", {"metric": "exact_match"}, "comparison.metric"),
        ("", {"export": ["baseline"]}, "export: 'baseline' is none of full, lora"),
        ("models.full", {"examples": {"length": 350}}, "packing: whole or blocks"),
        ("bases.gpt2", {"revision": ""}, "needs revision"),
        (
            "",
            {"compute": {"parallel": "fsdp"}, "training": {"optimizer": "adamw_8bit"}},
            "models.full: the state of the optimiser adamw_8bit cannot be cut up",
        ),
        ("bases.gpt2", {"path": "x"}, "exactly one of hub, path, pretrain"),
    ],
)
def test_an_error_names_the_key_as_it_is_written_and_the_nearest(
    tmp_path, values, place, change, message
):
    part = values
    for key in filter(None, place.split(".")):
        part = part[key]
    part |= change
    assert message in complaint(tmp_path, values)


NO_VENUES = """
arxiv: [{}, {category: cs AR}, {query: x, typo: 1}]
crossref: [{}, {issn: 1234-5678, event: x}, {issn: x}, {event: x, types: []}]
openalex: [{}, {issn: 1234-5678, venue: x}, {issn: "12345678"}, {source: W12}]
semantic_scholar: [{}, {venue: ""}, {venue: x, api_key: k}]
"""


@pytest.mark.parametrize(("kind", "tried"), yaml.safe_load(NO_VENUES).items())
def test_a_venue_is_named_in_one_way_and_a_key_is_no_setting(kind, tried):
    for how in tried:
        with pytest.raises(ValidationError):
            TypeAdapter(Source).validate_python({"kind": kind, **how})


def test_a_file_that_is_no_yaml_says_where(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: [1\nb: 2")
    with pytest.raises(SettingsError, match=re.compile("not YAML.*line 2", re.DOTALL)):
        load_experiment(path)


def test_experiments_are_found_by_name_and_have_each_their_own(tmp_path, values):
    with pytest.raises(SettingsError, match="did you mean 'isca'"):
        locate("icsa", [EXPERIMENTS])
    (tmp_path / "isca.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(SettingsError, match="two experiments are called 'isca'"):
        load_named(["isca", str(tmp_path / "isca.yaml")], [EXPERIMENTS])


def test_the_schema_for_editors_says_what_the_program_checks():
    """It refuses unknown keys everywhere, and config/README.md explains every key."""
    folder = ROOT / "workflow/schemas"
    written = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert written == schemas(), "run `make schema`"
    nodes: list = [written]
    for node in nodes:  # which grows
        inner = node.values() if isinstance(node, dict) else node
        nodes += [item for item in inner if isinstance(item, dict | list)]
    dicts = [node for node in nodes if isinstance(node, dict)]
    objects = [node for node in dicts if "properties" in node and node.get("type") == "object"]
    assert len(objects) > 20
    assert all(node["additionalProperties"] is False for node in objects)
    text = (ROOT / "config/README.md").read_text()
    assert not {key for node in objects for key in node["properties"] if f"`{key}`" not in text}
