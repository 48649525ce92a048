"""Errors that the library raises for people say what to do about them."""

import ast
from pathlib import Path

import papertune

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
