"""Errors that the library raises for people say what to do about them."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import papertune
from snakemake_run import ROOT

LIBRARY = Path(papertune.__file__).parent
KINDS = {
    *("PapertuneError", "SettingsError", "RecordError", "CollectError", "GeneratorError"),
    *("ServerError", "TrainingError", "EvaluationError", "GgufError", "ClusterError"),
    *("SandboxError", "ProfileError", "BusyError"),
}
# what Slurm said, which others say more of; lists of findings with hints of their own; what only a
# fault of ours or an attack leads to
WITHOUT = {
    *("cluster/slurm.py", "cluster/executor.py", "cluster/findings.py", "jobs/distributed.py")
}


def hints_lacking(source: str) -> list[str]:
    """The errors of these kinds in a module that are made without a hint."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in KINDS]
    return [ast.unparse(call) for call in made if "hint" not in {key.arg for key in call.keywords}]


def test_each_error_says_what_to_do():
    lacking = {
        name: found
        for path in LIBRARY.rglob("*.py")
        if (name := path.relative_to(LIBRARY).as_posix()) not in WITHOUT
        if (found := hints_lacking(path.read_text("utf-8")))
    }
    assert lacking == {}


def test_one_without_is_found():
    assert hints_lacking(
        "raise CollectError('no', where='here')\nCollectError('no', hint='do')"
    ) == ["CollectError('no', where='here')"]


# a section of an experiment file or of a part of it, and what is said to be in it
KEY = re.compile(
    r"\b(?:source|columns|splits|fetching|lookups|training|compute|answering|decoding|examples|lora"
    r"|freeze|subset|pretrain|corpus|architecture|comparison|programs)((?:\.[a-z_]+)+)"
)
FILES = {"training.json"}


def properties(schema: Any) -> Iterator[str]:
    """The names of all settings."""
    if isinstance(schema, dict):
        yield from schema["properties"] if isinstance(schema.get("properties"), dict) else ()
        for part in schema.values():
            yield from properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


def texts(source: str) -> Iterator[str]:
    """The strings of a module that are no docstrings."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


def test_settings_that_are_named_are_there():
    schema = json.loads((ROOT / "workflow/schemas/experiment.schema.json").read_text())
    known, said = set(properties(schema)), set()
    for path in LIBRARY.rglob("*.py"):
        for text in texts(path.read_text("utf-8")):
            said |= {found[0] for found in KEY.finditer(text) if " " in text}
    assert len(said) > 50
    assert {key for key in said - FILES if not known.issuperset(key.split(".")[1:])} == set()
