"""A whole study in small, started as a user does: the files that it leaves."""

import csv
import html
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from end_to_end.conftest import small_study, write_study
from papertune.pairfile import read_pairs
from papertune.report.counts import read_counts, total
from snakemake_run import ROOT, logs_in, snakemake
from terminals import on_terminal

pytestmark = pytest.mark.slow


def tables(folder: Path) -> dict[str, bytes]:
    """All but seconds and bytes, which differ from run to run."""
    found = folder.glob("results/*/tables/*")
    return {p.name: p.read_bytes() for p in found if not p.name.startswith(("training.", "cost."))}


def test_counts_add_up_and_no_document_is_in_two_splits(small):
    results = small / "results/small"
    rows = read_counts(results / "tables/counts.csv")
    texts = total(rows, "collect", outcome="kept")
    listed = total(rows, "list", outcome="kept")
    assert listed == 36 == texts + total(rows, "collect", outcome="rejected")
    assert total(rows, "split", outcome="kept") == texts
    asked = total(rows, "answer", outcome="kept")
    assert asked == total(rows, "score", outcome="kept") > 0
    documents = []
    for split in ("train", "validation", "test"):
        pairs = list(read_pairs(results / f"datasets/extractive/{split}.parquet"))
        assert pairs
        documents += {pair.document for pair in pairs}
        for pair in pairs:
            assert (pair.provenance["backend"], pair.generator) == ("rules", "extractive")
            assert pair.answer in pair.context
    assert len(documents) == len(set(documents))


def test_training_and_every_job_record_what_was_used(small):
    folders = {name: small / f"results/small/models/{name}/seed-1" for name in ("full", "lora")}
    full, lora = (json.loads((f / "training.json").read_text()) for f in folders.values())
    assert full["trainable_parameters"] == full["total_parameters"] > lora["trainable_parameters"]
    for key in ("tokens_seen", "wall_seconds", "tokens_per_second", "peak_memory_bytes", "device"):
        assert full[key] and lora[key]
    assert full["tokens_seen"] == lora["tokens_seen"]
    made = json.loads((small / "results/small/made.json").read_text())
    assert made["took"]["complete"] and not made["took"]["found"]
    assert made["how"]["processors"] == sorted({full["processor"], lora["processor"]})
    for folder in folders.values():
        assert (folder / "history.csv").read_text().startswith("step,")
        assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]

    with (small / "logs/remaining.csv").open(newline="") as stream:
        looks = [
            {name: int(value) for name, value in row.items()} for row in csv.DictReader(stream)
        ]
    assert looks and all(look["left"] >= 0 and look["done"] < look["jobs"] for look in looks)
    done = [look["done"] for look in looks]
    assert done == sorted(done) and done[-1] > 0
    with (small / "results/small/tables/cost.csv").open(newline="") as stream:
        rows = {(row["Stage"], row["Model or generator"]): row for row in csv.DictReader(stream)}
    assert ("Other runs", "") not in rows
    for row in rows.values():
        assert row["Jobs"] == row["Attempts"] != "0" and row["Numbers from"] == "records"
        for measure in ("Wall time (s)", "CPU hours used", "Peak memory (MiB)"):
            assert float(row[measure]) > 0
            assert row[f"{measure.rpartition(' (')[0] or measure} (at least)"] == ""
    assert rows["train", "LoRA"]["Jobs"] == "1" and rows["list_documents", ""]["Jobs"] == "3"
    assert rows["synthesize", "sentences with a gap"]["Memory asked (MiB)"] == "4000"
    for log in ("models/lora/seed-1.log", "answers/lora/seed-1/cloze.log", "documents/2019.log"):
        assert (small / "logs/small" / log).read_text()


def test_a_dataset_folder_loads_with_its_card(small):
    datasets = pytest.importorskip("datasets")
    folder = small / "results/small/datasets/extractive"
    loaded = datasets.load_dataset(str(folder), cache_dir=str(folder.parent / ".cache"))
    assert set(loaded) == {"train", "validation", "test"}
    assert {"instruction", "context", "question", "answer"} <= set(loaded["test"].column_names)
    shutil.rmtree(folder.parent / ".cache")


def test_snakemakes_own_report_takes_tables_and_figures_and_tells_the_study(small, tmp_path):
    page = tmp_path / "snakemake-report.html"
    snakemake(small, "--config", f"experiments={small / 'small.yaml'}", "--report", str(page))
    text = page.read_text()
    assert "matrix.svg" in text and "comparison.csv" in text
    landing = json.loads(re.search(r"var workflow_desc = (.*);\n", text).group(1))
    shown = html.unescape(re.sub(r"<[^>]+>", "", landing))
    made = json.loads((small / "results/small/made.json").read_text())
    assert " ".join(made["headline"].split()) in " ".join(shown.split())
    for line in (small / "results/small/tables/matrix.txt").read_text().splitlines():
        assert line in shown
    assert f"{made['documents']} documents were collected" in shown


def test_a_run_ends_with_what_was_found_also_where_nothing_had_to_be_done(small, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(small, folder, symlinks=True)
    config = ("--config", f"experiments={folder / 'small.yaml'}")
    results = folder / "results/small"
    (results / "report.html").unlink()
    headline = json.loads((results / "made.json").read_text())["headline"]
    for again in (False, True):
        said = snakemake(folder, *config).stdout
        assert ("Nothing to be done" in said) == again
        assert (results / "tables/matrix.txt").read_text() in said and headline in said
        assert "Report: results/small/report.html" in said
    # of what was not asked for nothing is said
    assert "Report:" not in snakemake(folder, "documents", *config).stdout


def test_a_terminal_shows_jobs_in_words_and_one_line_of_progress(small, tmp_path):
    """What Snakemake and the jobs say stands in the log of the run, all of it."""
    folder = tmp_path / "study"
    shutil.copytree(small, folder, symlinks=True)
    before, config = logs_in(folder), ("--config", f"experiments={folder / 'small.yaml'}")
    screen, status = on_a_terminal(folder, "--forcerun", "score", *config)
    assert status == 0
    lines = [line.rpartition("\r")[2] for line in screen.replace("\r\n", "\n").split("\n")]
    assert any("scores the answers of " in line and "first of" in line for line in lines), lines
    assert any(re.search(r"\d of \d+ jobs \|", part) for part in screen.split("\r"))
    (log,) = logs_in(folder) - before
    assert str(log) in lines[-2]
    for chatter in ("Select jobs", "Execute", "Finished jobid", "rule score", "jobid", "Conda"):
        assert chatter not in screen and (chatter in log.read_text() or chatter == "Conda")
    said = (folder / "logs/small/scores/full/seed-1/extractive.log").read_text()
    own = said.splitlines()[-1].partition(": ")[2]
    assert own in log.read_text()


def on_a_terminal(folder: Path, *arguments: str) -> tuple[str, int]:
    """What a run writes to a terminal, and its status."""
    profile = ("--workflow-profile", str(ROOT / "profiles/default"), "--cores", "2")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    return on_terminal([*command, *profile, *arguments], folder)


def test_without_a_browser_the_study_still_ends_and_says_what_is_missing(small, tmp_path):
    """Everything but the pages is in the store: only rendering and what follows runs again."""
    folder = tmp_path / "study"
    shutil.copytree(small, folder, symlinks=True)
    shutil.rmtree(folder / "store/render", ignore_errors=True)
    values = small_study()
    values["models"] = {"baseline": values["models"]["baseline"]}  # it is not about models
    path = write_study(folder, values | {"metrics": ["token_f1"]})
    results = folder / "results/small"
    shutil.rmtree(results / "documents")
    (results / "report.html").unlink()
    config = ("--config", f"experiments={path}")
    snakemake(folder, *config, PAPERTUNE_CHROMIUM="/no/such/browser")
    assert "needs_browser" in (results / "missing.jsonl").read_text()
    assert "chromium" in (results / "report.html").read_text().lower()
