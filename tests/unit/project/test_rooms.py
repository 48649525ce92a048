"""The code stays readable: imports go one way, and no file exceeds its limit."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path

import papertune

LIBRARY = Path(papertune.__file__).parent
MODULES = sorted(LIBRARY.rglob("*.py"))
TREES = {path.relative_to(LIBRARY): ast.parse(path.read_text("utf-8")) for path in MODULES}


def imported(tree: ast.Module) -> set[str]:
    """What a module imports, wherever it does so; by ``import_module``, too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports say the whole name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            # a name that comes from a table is that of a room below the one that loads it
            parts = ast.walk(node.args[0])
            found |= {part.value for part in parts if isinstance(part, ast.Constant)}
    return found


def room_of(parts: Sequence[str]) -> int:
    """The place of a module's room, from the ground floor (0) up."""
    return papertune.ROOMS.index(parts[0]) + 1 if parts[0] in papertune.ROOMS else 0


def test_every_folder_is_a_room_and_no_module_imports_upwards_or_knows_snakemake():
    folders = {path.name for path in LIBRARY.iterdir() if (path / "__init__.py").exists()}
    assert folders == set(papertune.ROOMS)
    assert len(list(LIBRARY.glob("[!_]*.py"))) <= 8
    for path, tree in TREES.items():
        names = imported(tree)
        own = [name for name in names if name.startswith("papertune.")]
        above = [name for name in own if room_of(name.split(".")[1:]) > room_of(path.parts)]
        assert not above, f"{path} imports {above}"
        assert "snakemake" not in str(names), path


def test_no_module_is_long_and_no_function_is():
    large = [path for path in MODULES if len(path.read_text("utf-8").splitlines()) > 320]
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                names = {argument.arg for argument in every} - {"self", "cls"}
                if len(names) > 10 or node.end_lineno - node.lineno >= 100:
                    large.append(f"{node.name} in {path}")
    assert large == []


def test_every_promise_leads_to_tests_that_are_there():
    tests = Path(__file__).parents[2]
    rows = [
        line for line in (tests / "PROMISES.md").read_text().splitlines() if line[2:3].isdigit()
    ]
    assert len(rows) == 13
    for row in rows:
        named = re.findall(r"`(\w+/[\w/]+\.py)`", row)
        assert [name for name in named if "test_" in name]
        assert all((tests / name).exists() or (tests.parent / name).exists() for name in named), row


def test_no_two_files_of_tests_have_one_name():
    names = [path.name for path in Path(__file__).parents[2].rglob("test_*.py")]
    assert len({*names}) == len(names)
