"""Promise: samples have their number of documents of each category, or report fewer."""

import json

import pytest

from end_to_end.conftest import FilesStudy, new_files_study, row
from papertune.demo.papers import papers
from papertune.records import Document, read_records
from snakemake_run import planned

pytestmark = pytest.mark.slow
TOPICS = ("caches", "branches", "one of them")


def by_category(values):
    values["source"] = {
        "kind": "files",
        "path": "data/all.jsonl",
        "columns": {"category": "topic"},
    }
    sample = {"train": 3, "test": 1, "of": "category"}
    values["splits"] = {"test": 0.4, "validation": 0.3, "sample": sample}
    values["prompt"] = "workflow/prompts/question.txt"
    values["records"] = {"size": 4}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> FilesStudy:
    study = new_files_study(tmp_path_factory.mktemp("categories") / "study", one_file=False)
    for path in (study.folder / "data").iterdir():
        path.unlink()
    every = [paper for year in range(2019, 2023) for paper in papers(year, 6, 1)]
    rows = [row(paper) | {"topic": TOPICS[number % 2]} for number, paper in enumerate(every[1:])]
    rows.append(row(every[0]) | {"topic": TOPICS[2]})
    text = "".join(json.dumps(one) + "\n" for one in rows)
    (study.folder / "data" / "all.jsonl").write_text(text)
    study.change(by_category)
    study.run("--", "records")
    return study


def documents(study: FilesStudy, part: str) -> list[Document]:
    return list(read_records(study.folder / f"results/mine/documents/{part}.jsonl", Document))


def records(study: FilesStudy) -> dict[str, list[list[dict[str, str]]]]:
    files = sorted((study.folder / "results/mine/records/extractive").glob("*.jsonl"))
    lines = ((path.stem, path.read_text().splitlines()) for path in files)
    return {name: [json.loads(line)["messages"] for line in some] for name, some in lines}


def test_each_side_has_so_many_of_each_category(study):
    for part, many in (("train", 3), ("test", 1)):
        names = [one.category for one in documents(study, part)]
        assert names.count("caches") == names.count("branches") == many
    alone = [one for part in ("train", "test") for one in documents(study, part)]
    assert [one.category for one in alone].count(TOPICS[2]) == 1
    logs = [study.log(f"documents/{part}") for part in ("train", "test")]
    assert "of each category" in logs[0] and "one of them: 1 of 3 with text" in "".join(logs)


def test_datasets_are_files_of_so_many_records_and_another_size_makes_nothing_else(study):
    before = records(study)
    every = [chat for some in before.values() for chat in some]
    assert all(len(some) <= 4 for some in before.values())
    assert {name.partition("-")[0] for name in before} == {"train", "validation", "test"}
    assert all([one["role"] for one in chat] == ["user", "assistant"] for chat in every)

    def larger(values):
        values["records"] = {"size": 1000}

    study.change(larger)
    jobs = planned(study.folder, "--config", "experiments=mine", "--", "records")
    assert jobs == {"records": 1, "write_chat_records": 2}
    study.run("--", "records")
    after = records(study)
    assert len(after) == 3 and [chat for some in after.values() for chat in some] == every
