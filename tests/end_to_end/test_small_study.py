"""A whole study in small: what it leaves behind, and that running it again gives the same."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from end_to_end.conftest import small_study, write_study
from papertune.pairfile import read_pairs
from papertune.records import Answer, Document, read_records
from papertune.report.counts import read_counts, total
from snakemake_run import planned, snakemake

pytestmark = pytest.mark.slow


def tables(folder: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in (folder / "results/small/tables").iterdir()}
    # seconds and bytes differ from run to run; everything else must not
    differing = ("training.", "cost.")
    return {name: text for name, text in found.items() if not name.startswith(differing)}


def test_a_finished_study_has_nothing_to_do(small):
    assert planned(small, "--config", f"experiments={small / 'small.yaml'}") == {}


def test_the_counts_add_up_from_listing_to_score(small):
    rows = read_counts(small / "results/small/tables/counts.csv")
    listed = total(rows, "list", outcome="kept")
    texts = total(rows, "collect", outcome="kept")
    missing = total(rows, "collect", outcome="rejected")
    assert listed == 36 == texts + missing
    assert total(rows, "split", outcome="kept") == texts
    asked = total(rows, "answer", outcome="kept")
    assert asked == total(rows, "score", outcome="kept") > 0


def test_no_document_is_in_two_splits_and_every_pair_says_what_made_it(small):
    folder = small / "results/small/datasets/extractive"
    documents = {}
    for split in ("train", "validation", "test"):
        pairs = list(read_pairs(folder / f"{split}.parquet"))
        documents[split] = {pair.document for pair in pairs}
        for pair in pairs:
            assert pair.provenance["backend"] == "rules"
            assert pair.generator == "extractive"
            assert pair.answer in pair.context
    assert documents["train"] and documents["validation"] and documents["test"]
    assert not documents["train"] & documents["validation"]
    assert not documents["test"] & (documents["train"] | documents["validation"])


def test_every_document_records_how_its_text_was_found(small):
    for path in (small / "results/small/documents").iterdir():
        for document in read_records(path, Document):
            assert document.text and document.found_by


def test_every_question_is_answered_once_by_every_model(small):
    for test_set in ("extractive", "cloze"):
        questions = [
            pair.id
            for pair in read_pairs(small / f"results/small/datasets/{test_set}/test.parquet")
        ]
        for run in ("baseline/seed-0", "full/seed-1", "lora/seed-1"):
            path = small / f"results/small/answers/{run}/{test_set}.jsonl"
            assert [answer.pair for answer in read_records(path, Answer)] == questions


def test_training_records_what_was_used(small):
    facts = {
        method: json.loads(
            (small / f"results/small/models/{method}/seed-1/training.json").read_text()
        )
        for method in ("full", "lora")
    }
    assert facts["full"]["trainable_parameters"] == facts["full"]["total_parameters"]
    assert facts["lora"]["trainable_parameters"] < facts["full"]["trainable_parameters"]
    for key in ("tokens_seen", "wall_seconds", "tokens_per_second", "peak_memory_bytes", "device"):
        assert facts["full"][key] and facts["lora"][key]
    assert facts["full"]["tokens_seen"] == facts["lora"]["tokens_seen"]
    for method in facts:
        folder = small / f"results/small/models/{method}/seed-1"
        assert (folder / "history.csv").read_text().startswith("step,")
        assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]


def test_a_dataset_folder_loads_with_its_card(small):
    datasets = pytest.importorskip("datasets")
    folder = small / "results/small/datasets/extractive"
    loaded = datasets.load_dataset(str(folder), cache_dir=str(folder.parent / ".cache"))
    assert set(loaded) == {"train", "validation", "test"}
    assert {"instruction", "context", "question", "answer"} <= set(loaded["test"].column_names)
    shutil.rmtree(folder.parent / ".cache")


def test_snakemakes_own_report_takes_tables_and_figures(small, tmp_path):
    path = small / "small.yaml"
    page = tmp_path / "snakemake-report.html"
    snakemake(small, "--config", f"experiments={path}", "--report", str(page))
    text = page.read_text()
    assert "matrix.svg" in text and "comparison.csv" in text


def test_every_job_left_a_record_of_what_it_took(small):
    with (small / "results/small/tables/cost.csv").open(newline="") as stream:
        rows = {(row["Stage"], row["Model or generator"]): row for row in csv.DictReader(stream)}
    assert ("Other runs", "") not in rows
    for row in rows.values():
        assert row["Jobs"] == row["Attempts"] != "0"
        assert row["Numbers from"] == "records"
        for measure in ("Wall time (h:mm:ss)", "CPU hours used", "Peak memory (MiB)"):
            assert row[measure] and not row[measure].startswith("≥")
    assert rows["train", "LoRA"]["Jobs"] == "1"
    assert rows["list_documents", ""]["Jobs"] == "3"
    assert float(rows["Total", ""]["CPU hours used"]) > 0.001
    assert rows["synthesize", "sentences with a gap"]["Memory asked (MiB)"] == "4000"


def test_logs_mirror_results(small):
    for log in ("models/lora/seed-1.log", "answers/lora/seed-1/cloze.log", "documents/2019.log"):
        assert (small / "logs/small" / log).read_text()


def test_without_a_browser_the_study_still_ends_and_says_what_is_missing(small, tmp_path):
    """Everything but the pages is in the store: only rendering and what follows runs again."""
    folder = tmp_path / "study"
    shutil.copytree(small, folder, symlinks=True)
    shutil.rmtree(folder / "store/render", ignore_errors=True)
    values = small_study()
    values["models"] = {"baseline": values["models"]["baseline"]}  # it is not about models
    values["metrics"] = ["token_f1"]
    path = write_study(folder, values)
    shutil.rmtree(folder / "results/small/documents")
    (folder / "results/small/report.html").unlink()
    snakemake(
        folder,
        *("--config", f"experiments={path}"),
        PAPERTUNE_CHROMIUM="/no/such/browser",
    )
    page = (folder / "results/small/report.html").read_text()
    missing = (folder / "results/small/missing.jsonl").read_text()
    assert "needs_browser" in missing
    assert "chromium" in page.lower()
