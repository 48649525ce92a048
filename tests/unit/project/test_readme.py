"""Numbers of README and docs are those of a run's files."""

import hashlib
import importlib.util
import re

import pytest

import papertune
from papertune.files import read_json
from snakemake_run import ROOT

MADE = {path.parent.name: read_json(path) for path in (ROOT / "docs").glob("*/made.json")}
DEMO = (ROOT / "docs/tutorial/demo.md").read_text("utf-8")

_spec = importlib.util.spec_from_file_location("readme", ROOT / "docs" / "readme.py")
quoting = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(quoting)


@pytest.mark.parametrize("name", sorted(MADE))
def test_what_is_quoted_of_a_run_and_its_figure_are_of_that_run(name):
    made = MADE[name]
    for file in quoting.FILES[name]:
        text = (ROOT / file).read_text("utf-8")
        part = quoting.quoted(made, name, file)
        assert quoting.with_part(text, part, name, file) == text, "make readme"
        figure = re.search(r"\]\((\S+matrix\.svg)\)", part)
        assert ((ROOT / file).parent / figure[1]).exists()
    digest = hashlib.sha256((ROOT / "docs" / name / "matrix.svg").read_bytes()).hexdigest()
    assert digest == made["figures"]["matrix.svg"]
    took = made["took"]
    assert took["complete"] and not took["found"], "its minutes are those of a whole run"


def test_the_readme_says_how_large_the_demos_base_is():
    weights = f"{MADE['demo']['parameters']['full'] / 1e6:.1f} million weights"
    assert f"The demo's base has {weights}" in DEMO


def test_a_readme_that_says_something_else_is_found_out():
    cell = MADE["demo"]["matrix"][0]["shown"]
    assert DEMO.count(cell) == 1
    for wrong in (DEMO.replace(cell, "0.999"), DEMO.replace(quoting.END, "")):
        try:
            assert quoting.with_part(wrong, quoting.quoted(MADE["demo"])) != wrong
        except SystemExit as error:
            assert "between which" in str(error)


# what a run says, wherever it is written: scores, intervals, minutes; 0.999 is a setting
MEASURED = re.compile(
    r"[±+−-]?\b0\.(?!999)\d{3}\b|\[[+−-]?\d*\.\d+, [+−-]?\d*\.\d+\]|\bminutes after `make"
)
WORDS = [
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "config/**/*.md"),
    *("config/**/*.yaml", "profiles/**/*", "benchmarks/*.py", "workflow/report/*.rst"),
]


def prose(path):
    """What a file tells its readers: text, comments, docstrings."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        for name in quoting.NAMES:
            before, _, rest = text.partition(quoting.BEGIN.format(name))
            text = before + rest.partition(quoting.END)[2]
        return re.sub("`[^`\n]*`", "", text)  # settings
    if path.suffix == ".py":
        return "\n".join(re.findall(r'"""[^"]*"""|#.*', text))
    if path.suffix == ".yaml":
        return "\n".join(re.findall(r"(?:^|\s)#(.*)", text))
    return text


def test_nothing_else_repeats_numbers_of_a_run():
    files = [path for pattern in WORDS for path in ROOT.glob(pattern) if path.is_file()]
    assert len(files) > 30
    said = {str(path): MEASURED.findall(prose(path)) for path in files}
    assert {name: found for name, found in said.items() if found} == {}
    assert MEASURED.findall("gains 0.512, +.06 [−.04, .16], six minutes after `make demo`") == [
        *("0.512", "[−.04, .16]", "minutes after `make"),
    ]


def test_one_version():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M)
    assert cited[1] == papertune.VERSION
