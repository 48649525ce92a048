"""The docs: a site without a broken link, commands that exist, and code that runs."""

import os
import re
import shutil
import subprocess
import sys
from itertools import chain

import pytest

from papertune.metrics import METRICS
from papertune.records import Answer
from snakemake_run import ROOT

PAGES = [
    *chain(*(ROOT.glob(pattern) for pattern in ("docs/**/*.md", "*.md", "profiles/*/README.md"))),
    ROOT / "config/README.md",
]
BLOCK = re.compile(r"^ *```(?:bash|sh|)\n(.*?)^ *```", re.M | re.S)
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
RULES = {
    name
    for path in (ROOT / "workflow").rglob("*.smk")
    for name in re.findall(r"^ *rule (\w+):", path.read_text("utf-8"), re.M)
} | {"all"}


def build(root, site):
    how = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    return subprocess.run(command, cwd=root, env=how, capture_output=True, text=True)


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(tmp_path):
    built = build(ROOT, tmp_path / "site")
    assert built.returncode == 0, built.stdout + built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loaded = re.findall(
            r'<(?:script|link|img|iframe)[^>]*?(?:src|href)="(\w+:[^"]*)"', page.read_text()
        )
        assert not [url for url in loaded if not url.startswith("data:")], page


@pytest.mark.parametrize(
    "link", ["no-such-page.md", "../config/README.md#no-such-key", "../no/file.py"]
)
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path, link):
    kept = shutil.ignore_patterns(".*", "results", "store", "resources", "logs", "site", "tests")
    root = shutil.copytree(ROOT, tmp_path / "copy", ignore=kept)
    shutil.copytree(ROOT / "tests", root / "tests", ignore=shutil.ignore_patterns("[a-z]*"))
    page = root / "docs/filter.md"
    page.write_text(f"{page.read_text()}\n[there]({link})\n")
    built = build(root, tmp_path / "site")
    assert built.returncode and "filter.md" in built.stdout + built.stderr


def commands():
    """(page, line) of each command that a page shows."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text("utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                yield str(page.relative_to(ROOT)), line.partition(" #")[0].strip()


def test_commands_of_the_docs_are_there():
    shown = list(commands())
    wanted = {
        (page, found[1]) for page, line in shown if (found := re.match(r"make ([a-z]+)", line))
    }
    assert len(wanted) > 15
    assert {(page, target) for page, target in wanted if target not in TARGETS} == set()
    asked = set()
    for page, line in shown:
        if found := re.match(r"(?:\S*/)?snakemake ([a-z_]+)\b(?![=/.])", line):
            asked.add((page, found[1]))
    assert len(asked) > 3
    assert {(page, rule) for page, rule in asked if rule not in RULES} == set()


def test_experiments_that_the_docs_name_are_there():
    named = {
        (page, name)
        for page, line in commands()
        for found in re.findall(r"(?:experiments=|EXPERIMENTS=)([\w/,.-]+)", line)
        for name in found.split(",")
        if name != "mine" and not name.endswith(".yaml") and "NAME" not in name
    }
    there = {p.stem for p in (ROOT / "config/experiments").glob("*.yaml")} | {
        f"small/{p.stem}" for p in (ROOT / "config/experiments/small").glob("*.yaml")
    }
    assert len(named) > 2 and {one for one in named if one[1] not in there} == set()


def test_the_metric_of_the_how_to_measures():
    text = (ROOT / "docs/how-to/metric.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    from papertune.metrics import overlap

    try:
        exec(code, vars(overlap))
        answer = Answer(
            pair="p", document="d", year=2020, question="q", reference="a small cache",
            text="A cache, large", reference_nll=1.0, reference_tokens=1, new_tokens=3, truncated=False,
        )  # fmt: skip
        assert METRICS["word_recall"].measure(answer, None) == (pytest.approx(2 / 3),)
    finally:
        METRICS.pop("word_recall", None)
        vars(overlap).pop("word_recall", None)
