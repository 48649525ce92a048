"""The messages in docs/troubleshooting.md are messages of the code."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from snakemake_run import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
# what is put into a text: by % or format, and in rules, which are no Python
FIELD = re.compile(r"%(?:\.\d)?[dgrsf]|\{[^{}]*\}")


def squeezed(text: str) -> str:
    """A text with single blanks, and one … for what is put in."""
    return re.sub(r"(?:…\s*)*…", "…", " ".join(FIELD.sub("…", text).split()))


def strings(tree: ast.Module) -> Iterator[str]:
    """The strings of a module but its docstrings; … for what an f-string puts in."""
    docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…"
                          for part in node.values)  # fmt: skip
        elif isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


@pytest.fixture(scope="module")
def said() -> str:
    """All that the code may say, a line for each string."""
    # Snakemake's own words about a lock
    spec = find_spec("snakemake.exceptions")
    modules = [*ROOT.glob("workflow/**/*.py"), Path(str(spec and spec.origin))]
    lines = [one for path in modules for one in strings(ast.parse(path.read_text("utf-8")))]
    for path in ROOT.glob("workflow/**/*.smk"):
        lines.append(re.sub(r'"\s*f?"', "", path.read_text("utf-8")))
    lines += (ROOT / "Makefile").read_text("utf-8").splitlines()
    return "\n".join(map(squeezed, lines))


def phrases() -> list[str]:
    """What stands in backticks in the first column of the page's tables."""
    rows = re.findall(r"^\| (.+?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    return [phrase for row in rows for phrase in re.findall("`([^`]+)`", row)]


def is_said(phrase: str, said: str) -> bool:
    """Whether a string of the code has it, not in the midst of a word."""
    return re.search(rf"(?<!\w){re.escape(squeezed(phrase).strip('… '))}(?!\w)", said) is not None


@pytest.mark.parametrize("phrase", phrases())
def test_the_code_says_what_people_look_up(phrase, said):
    assert is_said(phrase, said)


def test_there_are_many_and_each_once():
    found = phrases()
    assert len(found) > 100
    assert sorted(found) == sorted({*found})


def test_what_nothing_says_is_found_out(said):
    assert not is_said("the server refuses the crown", said)
    assert not is_said("a tabl", said)


@pytest.mark.parametrize("file", ["README.md", "docs/README.md", "profiles/slurm/README.md"])
def test_people_are_led_to_the_page(file):
    links = re.findall(r"\]\(([^)#]+)", (ROOT / file).read_text("utf-8"))
    assert PAGE in [(ROOT / file).parent.joinpath(link).resolve() for link in links]
