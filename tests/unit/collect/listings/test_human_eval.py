"""HumanEval's problems, and tables of problems of one's own."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import papertune
from papertune.collect.listings import by_year
from papertune.errors import CollectError
from papertune.records import Document, Rejection
from papertune.sandbox.program import Problem, compiles, program_of
from papertune.sandbox.run import run, way
from papertune.study.settings.qa import HumanEvalSource, PairsSource


@pytest.fixture
def problems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return list(by_year.items(HumanEvalSource(kind="human_eval"), 0))


def test_all_problems_with_their_tests(problems):
    assert len(problems) == 164 and all(isinstance(one, Document) for one in problems)
    assert len({one.id for one in problems}) == 164
    for one in problems:
        program = program_of(Problem(one.question, one.check, one.entry_point), one.text)
        assert compiles(program) and program.rstrip().endswith(f"check({one.entry_point})")


def test_references_pass_and_nothing_else_does(problems):
    if way() == "none":
        pytest.skip("neither bubblewrap nor unshare keeps programs apart here")
    for one in problems[::20]:
        problem = Problem(one.question, one.check, one.entry_point)
        assert run(program_of(problem, one.text)).passed, one.title
        assert not run(program_of(problem, "    return None")).passed, one.title


def test_its_executor_is_never_imported(tmp_path):
    code = (
        "from papertune.collect.listings import by_year\n"
        "from papertune.study.settings.qa import HumanEvalSource\n"
        "list(by_year.items(HumanEvalSource(kind='human_eval'), 0))\n"
        "import sys\n"
        "assert not [name for name in sys.modules if name.startswith('human_eval')]"
    )
    where = {**os.environ, "PYTHONPATH": str(Path(papertune.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=where)


def test_without_the_package(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(CollectError, match="human-eval"):
        list(by_year.items(HumanEvalSource(kind="human_eval"), 0))


def test_tables_of_problems(written):
    rows = [
        {"q": "Add.", "a": "def add(x, y): return x + y", "f": "add",
         "t": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"]},
        {"q": "Take.", "a": "def take(x, y): return x - y", "t": "assert take(3, 1) == 2\n"},
        {"q": "Nothing.", "a": "pass", "t": ""},
        {"q": "No program.", "a": "pass", "t": "assert ("},
    ]  # fmt: skip
    columns = {"question": "q", "answer": "a", "check": "t", "entry_point": "f"}
    source = PairsSource(kind="pairs", path=written(rows, "problems.jsonl"), columns=columns)
    first, second, *rest = by_year.items(source, 0)
    assert (first.check, first.entry_point) == (
        "assert add(1, 2) == 3\nassert add(0, 0) == 0",
        "add",
    )
    assert (second.check, second.entry_point) == ("assert take(3, 1) == 2", "")
    assert [(type(one), one.reason) for one in rest] == [(Rejection, "no_check")] * 2
    assert source.has_checks
