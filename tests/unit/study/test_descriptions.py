"""What editors and the catalogue tell of the keys: the schemas describe each of them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

SCHEMAS = Path("workflow/schemas")
EXPERIMENTS = [
    path
    for path in sorted(Path("config/experiments").rglob("*.yaml"))
    if path.parent.name in ("experiments", "small")
]


def _schema(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["config", "experiment"])
def test_every_key_is_described(name: str) -> None:
    schema = _schema(name)
    sections = {name: schema, **schema.get("$defs", {})}
    bare = [
        f"{section}.{key}"
        for section, one in sections.items()
        for key, value in one.get("properties", {}).items()
        if "const" not in value and len(value.get("description", "").split()) < 2
    ]
    assert not bare
    assert all(one.get("description") for one in sections.values() if "properties" in one)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=str)
def test_experiments_validate_against_the_schema(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), _schema("experiment"))
