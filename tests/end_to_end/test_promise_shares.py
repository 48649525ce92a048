"""Promise: documents without years are split by a share, and a new one stays what it is: one to
train with, or one to test with, which trains nothing."""

import json
from pathlib import Path

import pytest
import yaml

from end_to_end.conftest import small_study, write_study
from papertune.demo.papers import papers
from papertune.pairfile import read_pairs
from papertune.records import Document, read_records
from papertune.study.experiment import Splits
from papertune.study.splits import split_of
from snakemake_run import planned, snakemake

pytestmark = pytest.mark.slow

SPLITS = {"test": 0.3, "validation": 0.3}
TRAINS = {"train", "pretrain_base"}


class PairsStudy:
    """Ready-made pairs in one file, a base of almost nothing, everything to the report."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, folder / "pairs.jsonl"
        values = small_study()
        values["bases"]["small"]["pretrain"]["training"]["max_steps"] = 3
        values["bases"]["small"]["pretrain"]["corpus"] = {"documents": "plain"}
        values["training"]["max_steps"] = 3
        del values["models"]["lora"]
        values.update(
            source={
                "kind": "pairs",
                "path": "pairs.jsonl",
                "columns": {"question": "q", "answer": "a", "id": "n"},
            },
            prompt="workflow/prompts/question.txt",
            splits=SPLITS,
            generators={"people": {"backend": "source", "label": "People"}},
            dataset="people",
            test_sets=["people"],
            metrics=["token_f1"],
            comparison={"metric": "token_f1", "resamples": 200},
        )
        self.file = write_study(folder, values)
        self.write([self.row(number) for number in range(30)])

    @staticmethod
    def row(number: int) -> dict[str, str]:
        paper = papers(2000 + number, 1, 1)[0]
        return {"n": f"p{number}", "q": f"What is {paper.title} about?", "a": paper.abstract}

    def write(self, rows: list[dict[str, str]]) -> None:
        self.rows.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def add(self, split: str) -> None:
        """A further row that falls into a split."""
        rows = [json.loads(line) for line in self.rows.read_text().splitlines()]
        known = {document.id for document in self.documents()}
        for number in range(100, 200):
            row = self.row(number)
            self.write([*rows, row])
            [new] = {document.id for document in self.listed()} - known
            if split_of(Document(new, "", "", 0), Splits(**SPLITS)) == split:
                return
        raise AssertionError(split)

    def listed(self) -> list[Document]:
        from papertune.collect.listings.by_year import items
        from papertune.study.settings.qa import PairsSource

        source = yaml.safe_load(self.file.read_text())["source"]
        source = PairsSource(**source | {"path": str(self.rows)})
        return [item for item in items(source, 0) if isinstance(item, Document)]

    def documents(self) -> list[Document]:
        return [
            document
            for part in ("train", "test")
            for document in read_records(
                self.folder / f"results/small/documents/{part}.jsonl", Document
            )
        ]

    def plan(self) -> dict[str, int]:
        return planned(self.folder, "--config", f"experiments={self.file}")

    def run(self) -> str:
        return snakemake(self.folder, "--config", f"experiments={self.file}").stdout


def test_pairs_without_years_from_a_file_to_the_report(tmp_path):
    study = PairsStudy(tmp_path)
    study.run()
    documents = study.documents()
    assert len(documents) == 30 and all(document.question for document in documents)
    seen = {}
    for split in ("train", "validation", "test"):
        pairs = list(read_pairs(tmp_path / f"results/small/datasets/people/{split}.parquet"))
        assert pairs and all(pair.context == "" for pair in pairs)
        seen[split] = {pair.document for pair in pairs}
    assert sum(map(len, seen.values())) == 30 == len(set.union(*seen.values()))
    page = (tmp_path / "results/small/report.html").read_text()
    assert "Year by year" not in page and "People" in page
    assert study.plan() == {}

    study.add("test")
    jobs = study.plan()
    assert jobs["list_documents"] == jobs["fetch_documents"] == jobs["synthesize_here"] == 1
    assert not TRAINS & set(jobs), "a document to test with trains nothing"
    study.run()
    assert len(study.documents()) == 31 and study.plan() == {}

    study.add("train")
    jobs = study.plan()
    assert jobs["list_documents"] == 1 and jobs["train"] == 1
