"""Three and more wrong values of each setting that the schema has: key, place and what is allowed."""

import re
from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import Draft202012Validator

from papertune.errors import SettingsError
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_experiment

SCHEMA = Experiment.model_json_schema()
STUDY = {
    "source": {"kind": "demo"},
    "splits": {"train": {"from": 2005, "to": 2021}, "test": {"from": 2022, "to": 2024}},
    "generators": {"rules": {"backend": "rules", "style": "cloze"}},
    "bases": {"small": {"path": "base"}},
    "models": {"m": {"base": "small", "method": "full"}},
}
# no word, number, list or mapping of them is right everywhere
WRONG = [
    {"wrong": 1},
    [["wrong"]],
    "no such word!",
    -(10**12),
    10**12 + 0.5,
    True,
    None,
    float("nan"),
]
MACHINERY = (
    "Input should",
    "pydantic",
    "Traceback",
    "validation error",
    "[type=",
    "NoneType",
    "^[",
)
TYPES = {
    "integer": ("number",),
    "number": ("number",),
    "boolean": ("true or false",),
    "string": ("a text",),
    "array": ("a list",),
    "object": ("a mapping of keys",),
    "null": (),
}
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
# keys that are resolved before others are looked at, and say what they can be themselves
NOTATION = ("models.2020.after", "models.2020.sweep")


class Setting(NamedTuple):
    """A key, what may stand there, and the mapping or list around it for that."""

    path: tuple[str | int, ...]
    schema: dict[str, Any]
    beside: tuple[tuple[tuple[str | int, ...], Any], ...]  # kinds on the way, at their places

    def with_value(self, value: Any) -> dict[str, Any]:
        """A study that is right otherwise, as far as nothing else is needed."""
        study: dict[str, Any] = deepcopy(STUDY)
        for path, own in (*self.beside, (self.path, value)):
            place: Any = study
            for key, after in pairwise(path):
                kind = list if isinstance(after, int) else dict
                there = place[key] if isinstance(place, dict) and key in place else None
                if isinstance(place, list):
                    place[:] = place or [kind()]
                elif not isinstance(there, kind):
                    place[key] = kind()
                place = place[key]
            if isinstance(place, list):
                place[:] = [own]
            else:
                place[path[-1]] = own
        return study


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without a reference in its place."""
    if "$ref" in schema:
        return resolved(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    return schema


def alternatives(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What may stand in a place."""
    schema = resolved(schema)
    inner = schema.get("anyOf", []) + schema.get("oneOf", [])
    if "properties" in schema or not inner:
        return [schema]
    return [one for some in inner for one in alternatives(some)]


def settings(
    schema: dict[str, Any], path: tuple[str | int, ...] = (), beside: tuple[Any, ...] = ()
) -> Iterator[Setting]:
    """Every key below a place, and that place itself."""
    if path:
        yield Setting(path, schema, beside)
    for one in alternatives(schema):
        near = beside
        for key, inner in one.get("properties", {}).items():
            if "const" in inner and key in one["required"]:  # which of several this is
                near = (*beside, ((*path, key), inner["const"]))
        for key, inner in one.get("properties", {}).items():
            yield from settings(inner, (*path, key), near)
        if isinstance(items := one.get("items"), dict):
            yield from settings(items, (*path, 0), beside)
        named = [one.get("additionalProperties"), *one.get("patternProperties", {}).values()]
        for values in filter(lambda found: isinstance(found, dict), named):
            yield from settings(values, (*path, "2020"), beside)


def allowed(schema: dict[str, Any], value: Any) -> bool:
    """Whether the schema has nothing against a value; it stands for what editors say."""
    return Draft202012Validator(schema | {"$defs": SCHEMA["$defs"]}).is_valid(value)


def words_of(schema: dict[str, Any]) -> set[str]:
    """What can be said of what may stand in a place: a word, a limit or a kind of value."""
    found = set[str]()
    for one in alternatives(schema):
        found |= {str(choice) for choice in [*one.get("enum", []), one.get("const", "")] if choice}
        found |= {f"{one[limit]:g}" for limit in LIMITS if limit in one}
        found |= {str(one[limit]) for limit in LIMITS if limit in one}
        found |= {*TYPES.get(one.get("type", "null"), ())}
        found |= words_of(one["items"]) if isinstance(one.get("items"), dict) else set()
        found |= {f"{key}" for key in one.get("properties", {})}
        if one.get("type") == "string":
            found |= {"has to be", "has to have at least"}
        if one.get("type") == "array":
            found |= {"at least", "list"}
    return found


# of settings that stand in several places, such as training, one
CASES = list({id(one.schema): one for one in reversed([*settings(SCHEMA)])}.values())


@pytest.mark.parametrize("setting", CASES, ids=lambda one: ".".join(map(str, one.path)))
def test_a_wrong_value_is_refused_with_key_place_and_what_is_allowed(tmp_path, setting):
    path = tmp_path / "mine.yaml"
    key = ".".join(map(str, setting.path))
    refused = [value for value in WRONG if not allowed(setting.schema, value)]
    assert len(refused) >= 3 or key.startswith(NOTATION)
    for value in refused if not key.startswith(NOTATION) else []:
        path.write_text(yaml.safe_dump(setting.with_value(value), sort_keys=False))
        with pytest.raises(SettingsError) as error:
            load_experiment(path)
        said = str(error.value)
        # of an item, the list may be named; of a mapping, a key in it
        words = words_of(setting.schema) | ({"list"} if setting.path[-1] == 0 else set())
        above = setting.path[:-1] if setting.path[-1] == 0 else setting.path
        lines = f"{line_of(path, setting.path)}|{line_of(path, above)}"
        place = re.escape(f"{path}:") + rf"({lines}):\d+: "
        inner = re.escape(f"{path}:") + r"\d+:\d+: " + re.escape(f"{key}.")
        whole = place + re.escape(key.removesuffix(".0")) + r"(\.0)?: "
        [about] = [line for line in said.splitlines() if re.search(f"{inner}|{whole}", line)][:1]
        assert re.search(inner, about) or any(word in about for word in words)
        assert not any(word in said for word in MACHINERY)


def line_of(path: Path, keys: tuple[str | int, ...]) -> int:
    """The line of a key, or of an item of a list, from 1."""
    node, line = yaml.compose(path.read_text()), 0
    for key in keys:
        if isinstance(key, int):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            [(own, node)] = [pair for pair in node.value if pair[0].value == key]
            line = own.start_mark.line + 1
    return line
