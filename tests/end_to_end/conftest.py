"""Small studies that run in about a minute; tests copy them or leave them as they are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from papertune.demo.papers import Paper, papers
from snakemake_run import ROOT, snakemake, use_as_module


def small_study() -> dict[str, Any]:
    """The settings of the demo, cut down; what a model learns in so few steps does not matter."""
    values = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())
    train, test = {"from": 2019, "to": 2020}, {"from": 2022, "to": 2022}
    values["splits"] = {"train": train, "test": test, "validation": 0.2}
    values["bases"]["small"]["pretrain"]["training"]["max_steps"] = 30
    values["training"]["epochs"] = 1
    values["seeds"] = [1]
    # similarity loads a library for each job that takes longer than all the rest of it
    values["metrics"] = ["token_f1", "exact_match", "perplexity"]
    values["comparison"] = {"metric": "token_f1"}
    return values


def write_study(folder: Path, values: dict[str, Any], name: str = "small") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Path:
    """The folder of a finished small study; tests must leave it as it is.

    Its jobs start as a user's do.
    """
    folder = tmp_path_factory.mktemp("small")
    path = write_study(folder, small_study())
    snakemake(folder, "--config", f"experiments={path}", warm=False)
    return folder


# ---- a study of local files, to add to and to take from -----------------------


def row(paper: Paper) -> dict[str, Any]:
    """A paper as a row of a local file."""
    url = f"https://library.example/{paper.year}/{paper.key}"
    return {"title": paper.title, "paper_url": url, "year": paper.year, "abstract": paper.abstract}


class FilesStudy:
    """A study whose documents come from local files, one per year or one for all years.

    The latter belongs to a workflow elsewhere that uses this one as a module.
    """

    def __init__(self, folder: Path, one_file: bool) -> None:
        self.folder, self.one_file = folder, one_file
        self.file = folder / "config/experiments/mine.yaml"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.snakefile = use_as_module(folder, "mine") if one_file else ROOT / "Snakefile"

    def rows(self) -> dict[int, list[dict[str, Any]]]:
        found: dict[int, list[dict[str, Any]]] = {}
        for path in sorted((self.folder / "data").glob("*.jsonl")):
            for line in path.read_text().splitlines():
                item = json.loads(line)
                found.setdefault(item["year"], []).append(item)
        return found

    def write(self, rows: dict[int, list[dict[str, Any]]]) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        texts: dict[Path, str] = {}
        for year, items in rows.items():
            path = data / ("all.jsonl" if self.one_file else f"{year}.jsonl")
            texts[path] = texts.get(path, "") + "".join(json.dumps(i) + "\n" for i in items)
        for path, text in texts.items():
            if not path.exists() or path.read_text() != text:
                path.write_text(text)

    def change(self, change: Callable[[dict[str, Any]], Any]) -> None:
        values = yaml.safe_load(self.file.read_text())
        change(values)
        self.file.write_text(yaml.safe_dump(values))

    def run(self, *arguments: str, **how: Any) -> str:
        how.setdefault("snakefile", self.snakefile)
        named = ("--config", f"experiments={self.file.stem}")
        return snakemake(self.folder, *named, *arguments, **how).stdout

    def log(self, name: str) -> str:
        return (self.folder / "logs/mine" / f"{name}.log").read_text()

    def copy(self, folder: Path) -> "FilesStudy":
        shutil.copytree(self.folder, folder, symlinks=True)
        return FilesStudy(folder, self.one_file)


def new_files_study(folder: Path, one_file: bool) -> "FilesStudy":
    """Five papers a year, a base of almost nothing, one seed; not run yet."""
    folder.mkdir(exist_ok=True)
    study = FilesStudy(folder, one_file)
    values = small_study()
    pretrain = values["bases"]["small"]["pretrain"]
    pretrain["corpus"] = {"documents": "recall"}
    pretrain["training"]["max_steps"] = 3
    train, test = {"from": 2019, "to": 2020}, {"from": 2021, "to": 2022}
    values.update(
        source={"kind": "files", "path": f"data/{'all' if one_file else '{year}'}.jsonl"},
        splits={"train": train, "test": test, "validation": 0.3},
        # that of all years with the one metric that loads no model
        metrics=["token_f1"] if one_file else ["token_f1", "perplexity"],
        comparison={"metric": "token_f1"},
    )
    values["training"]["max_steps"] = 3
    del values["models"]["full"]  # one method is enough here
    study.file.write_text(yaml.safe_dump(values))
    study.write({year: [row(paper) for paper in papers(year, 5, 1)] for year in range(2019, 2023)})
    return study


@pytest.fixture(scope="session")
def file_per_year(tmp_path_factory) -> "FilesStudy":
    """A finished study of one local file per year; copy it before a change."""
    study = new_files_study(tmp_path_factory.mktemp("per-year"), one_file=False)
    study.run()
    return study


@pytest.fixture(scope="session")
def one_file(tmp_path_factory) -> "FilesStudy":
    """A finished study of one local file for all years; copy it before a change."""
    study = new_files_study(tmp_path_factory.mktemp("one-file"), one_file=True)
    study.run()
    return study


@pytest.fixture
def study(file_per_year, tmp_path) -> "FilesStudy":
    """A copy of a finished study, to change and to run again."""
    return file_per_year.copy(tmp_path / "study")


@pytest.fixture(params=["file_per_year", "one_file"])
def either_study(request, tmp_path) -> "FilesStudy":
    """The same, for both ways to lay out the files."""
    return request.getfixturevalue(request.param).copy(tmp_path / "study")
