"""Write config/README.md: docs/settings.md with a table of contents, and tables from the schema.

    PYTHONPATH=workflow/scripts python docs/settings.py

A line ``<!-- keys: Splits -->`` becomes the table of that section's keys; ``<!-- kinds: source
-->`` becomes a part for each kind, with its own table. Descriptions, types and defaults come from
the settings' classes: describe a new key there and nowhere else. A test checks that the file is
current.
"""

import json
import re
from pathlib import Path
from typing import Any

from papertune.study.configuration import Configuration
from papertune.study.experiment import Experiment

ROOT = Path(__file__).parents[1]
FROM, TO = ROOT / "docs/settings.md", ROOT / "config/README.md"
MADE = "<!-- made by `make schema` of docs/settings.md and the settings' descriptions -->"
NONE = object()
Schema = dict[str, Any]


def definitions() -> dict[str, Schema]:
    """Section → its JSON schema, for experiment files and config/config.yaml."""
    experiment = Experiment.model_json_schema()
    own = Configuration.model_json_schema()
    sections: dict[str, Schema] = experiment["$defs"] | own.get("$defs", {})
    return sections | {"Experiment": experiment, "Configuration": own}


SECTIONS = definitions()


def kind_of(value: Schema) -> str:
    """The allowed values in words: ``number``, ``adamw or sgd``, ``list of text``."""
    if "$ref" in value:
        own = SECTIONS[value["$ref"].rpartition("/")[2]]
        return kind_of(own) if "properties" not in own else "keys of its own"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" if one != "" else '`""`' for one in value["enum"])
    for several in ("anyOf", "oneOf"):
        if several in value:
            said = dict.fromkeys(map(kind_of, value[several]))
            return " or ".join(
                [*(one for one in said if one != "null"), *["null"] * ("null" in said)]
            )
    kind = value.get("type", "anything")
    if kind == "array":
        of = value.get("items") or {}
        return f"list of {kind_of(of)}" if of else "list"
    if kind == "object":
        of = named_of(value)
        return f"name → {kind_of(of)}" if of else "name → value"
    return {"string": "text", "integer": "whole number", "boolean": "`true` or `false`"}.get(
        kind, kind
    )


def named_of(value: Schema) -> Schema | None:
    """The schema of the values, if a value is a mapping by names."""
    found = [*value.get("patternProperties", {}).values(), value.get("additionalProperties")]
    return next((one for one in found if isinstance(one, dict)), None)


def default_of(key: str, value: Schema, needed: list[str]) -> str:
    """The default as written in YAML; empty if the value has its own keys."""
    if key in needed:
        return "required"
    default = value.get("default", NONE)
    if default is NONE or default in ({}, []) or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def within(value: Schema) -> list[str]:
    """The sections that a value is or contains."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return [name] if "properties" in SECTIONS[name] else []
    if "discriminator" in value:  # its kinds have their own parts
        return []
    inner = [*value.get("anyOf", []), value.get("items"), named_of(value)]
    return [name for one in inner if one for name in within(one)]


def tables_of(section: str, placed: set[str]) -> str:
    """The table of a section, then those of its subsections without a place of their own."""
    parts = [table_of(section)]
    for key, value in SECTIONS[section]["properties"].items():
        for name in within(value):
            if name not in placed and section != "Experiment":
                parts.append(f"Keys of `{key}`:\n\n{tables_of(name, placed | {name})}")
    return "\n\n".join(parts)


def table_of(section: str) -> str:
    """The table of a section's keys: ○ marks keys that no result depends on."""
    own = SECTIONS[section]
    lines = ["| key | may be | default | meaning |", "| --- | --- | --- | --- |"]
    for key, value in own["properties"].items():
        if "const" in value:  # the kind is named in the heading
            continue
        mark = " ○" * bool(value.get("cosmetic"))
        cells = (kind_of(value), default_of(key, value, own.get("required", [])))
        meaning = " ".join(value.get("description", "").split())
        shown = " | ".join(cell.replace("|", "\\|") for cell in (*cells, meaning))
        lines.append(f"| `{key}`{mark} | {shown} |")
    return "\n".join(lines) if len(lines) > 2 else "It has no keys."


def kinds_of(key: str, placed: set[str]) -> str:
    """A part for each kind of a key's value: ``source``, ``generators``, ``filter.against``."""
    value = SECTIONS["Experiment"]
    for name in key.split("."):
        value = value["properties"][name]
        value = named_of(value) or value
        [value] = [one for one in value.get("anyOf", [value]) if one.get("type") != "null"]
        value = SECTIONS[value["$ref"].rpartition("/")[2]] if "$ref" in value else value
    parts = []
    for kind, reference in value["discriminator"]["mapping"].items():
        section = reference.rpartition("/")[2]
        said = " ".join(SECTIONS[section].get("description", "").replace("``", "`").split())
        heading = f"{key.rpartition('.')[2]}: {kind}"
        parts.append(f"#### `{heading}`\n\n{said}\n\n{tables_of(section, placed)}")
    return "\n\n".join(parts)


def anchor(heading: str) -> str:
    """The anchor of a heading, as code hosts and the site make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def contents(text: str) -> str:
    """A table of contents: all headings of a text except its title."""
    lines = []
    for marks, heading in re.findall(
        r"^(##+) (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M
    ):
        lines.append(f"{'  ' * (len(marks) - 2)}- [{heading}](#{anchor(heading)})")
    return "\n".join(lines)


def made() -> str:
    """The text of config/README.md."""
    text = FROM.read_text("utf-8")
    placed = set(re.findall(r"<!-- keys: (\w+) -->", text))
    text = re.sub(r"<!-- keys: (\w+) -->", lambda found: tables_of(found[1], placed), text)
    text = re.sub(r"<!-- kinds: ([\w.]+) -->", lambda found: kinds_of(found[1], placed), text)
    listed = contents(text)
    return MADE + "\n" + text.replace("<!-- contents -->", listed, 1)


if __name__ == "__main__":
    TO.write_text(made(), "utf-8")
