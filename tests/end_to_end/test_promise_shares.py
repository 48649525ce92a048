"""Promise: documents without years are split by a share, and a new one stays what it is: one to
train with, or one to test with, which trains nothing."""

import json

import pytest

from end_to_end.conftest import small_study, write_study
from papertune.collect.listings.by_year import items
from papertune.demo.papers import papers
from papertune.pairfile import read_pairs
from papertune.records import Document, read_records
from papertune.scores.matrix import read_matrix
from papertune.study.settings import Splits
from papertune.study.settings.qa import PairsSource
from papertune.study.splits import split_of
from snakemake_run import planned, snakemake

pytestmark = pytest.mark.slow

SPLITS = {"test": 0.3, "validation": 0.3}
COLUMNS = {"question": "q", "answer": "a", "id": "n"}


def test_pairs_without_years_from_a_file_to_the_report(tmp_path):
    """Ready-made pairs in one file, a base of almost nothing, everything to the report."""
    file = tmp_path / "pairs.jsonl"
    values = small_study()
    values["bases"]["small"]["pretrain"]["training"]["max_steps"] = 3
    values["bases"]["small"]["pretrain"]["corpus"] = {"documents": "plain"}
    values["training"]["max_steps"] = 3
    del values["models"]["lora"]
    # no baseline is asked as it is, and it learns from two writers
    values["models"]["full"]["examples"] = {"variant": "qa"}
    values |= {"prompt": "workflow/prompts/task.txt", "splits": SPLITS}
    values["dataset"] = ["people", "rules"]
    values |= {"source": {"kind": "pairs", "path": "pairs.jsonl", "columns": COLUMNS}}
    rules = {"backend": "rules", "style": "extractive", "label": "Rules"}
    values["generators"] = {"people": {"backend": "source", "label": "People"}, "rules": rules}
    values |= {"test_sets": ["people"], "metrics": ["token_f1"]}
    config = ("--config", f"experiments={write_study(tmp_path, values)}")
    results = tmp_path / "results/small"

    def write(rows: list[dict[str, str]]) -> None:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def documents() -> list[Document]:
        paths = (results / f"documents/{part}.jsonl" for part in ("train", "test"))
        return [document for path in paths for document in read_records(path, Document)]

    rows = []
    for number in range(90):
        [paper] = papers(2000 + number, 1, 1)
        row = {"n": f"p{number}", "q": f"What is {paper.title} about?", "a": paper.abstract}
        rows.append(row)
    write(rows)
    listed = items(PairsSource(kind="pairs", path=str(file), columns=COLUMNS), 0)
    split = {d.question: split_of(d, Splits(**SPLITS)) for d in listed if isinstance(d, Document)}
    rows, later = rows[:30], rows[30:]
    write(rows)
    snakemake(tmp_path, *config)
    assert len(documents()) == 30 and all(document.question for document in documents())
    seen = []
    for name in ("train", "validation", "test"):
        pairs = list(read_pairs(results / f"datasets/people/{name}.parquet"))
        assert pairs and all(pair.context == "" for pair in pairs)
        seen += {pair.document for pair in pairs}
    assert len(seen) == 30 == len(set(seen))
    page = (results / "report.html").read_text()
    assert "Year by year" not in page and "People" in page
    facts = json.loads((results / "models/full/seed-1/training.json").read_text())
    [count] = {len(list(read_pairs(results / "datasets/people/train.parquet")))}
    union, whole = facts["union"], facts["data"]["pairs"]["train"]
    assert union["pairs"] == sum(union["each"]) == count < union["of"] == whole
    assert (
        max(union["each"]) - min(union["each"]) <= 1 and facts["data"]["dataset"] == "people, rules"
    )
    assert (
        f"equal: {count} of {whole} pairs" in (results / "models/full/seed-1/README.md").read_text()
    )
    assert f"People + Rules ({count} of {whole} pairs)" in page
    label = "Base model, by question alone"
    assert f"compared with {label}" in page
    held = {cell.model: cell.baseline for cell in read_matrix(results / "tables/matrix.csv")}
    assert held == {"baseline": "", "small.question": "", "full": "small.question"}
    assert planned(tmp_path, *config) == {}

    rows.append(next(row for row in later if split[row["q"]] == "test"))
    write(rows)
    jobs = planned(tmp_path, *config)
    assert jobs["list_documents"] == jobs["fetch_documents"] == jobs["synthesize_here"] == 1
    assert not {"train", "pretrain_base"} & set(jobs), "a document to test with trains nothing"
    snakemake(tmp_path, *config)
    assert len(documents()) == 31 and planned(tmp_path, *config) == {}

    write([*rows, next(row for row in later if split[row["q"]] == "train")])
    jobs = planned(tmp_path, *config)
    assert jobs["list_documents"] == 1 and jobs["train"] == 1
