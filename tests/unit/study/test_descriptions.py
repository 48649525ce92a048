"""Descriptions of keys for editors and the catalogue: the schemas have one for each."""

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


def catalogued(schema: dict[str, Any], parent: str = "") -> dict[str, dict[str, Any]]:
    """The rows that the catalogue of Snakemake workflows makes of a schema; it looks up no references."""
    rows = {}
    for key, value in schema.get("properties", {}).items():
        rows[f"{parent}{key}"] = value
        rows |= catalogued(value, f"{parent}{key}.")
    return rows


def test_the_catalogues_table_has_the_keys_of_each_section() -> None:
    rows = catalogued(_schema("experiment"))
    assert {"source", "training.learning_rate", "fetching.lookups.by_title", "compute.gpu"} <= {
        *rows
    }
    assert len(rows) > 90 and all(row.get("description") for row in rows.values())
    assert rows["training.epochs"]["default"] == 3.0 and rows["training.epochs"]["type"] == "number"
    assert not [key for key, row in rows.items() if "$ref" in row and "properties" in str(row)]
