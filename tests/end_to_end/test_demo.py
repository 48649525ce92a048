"""The demo as it comes along: what a newcomer sees must be true."""

import html
import json
from pathlib import Path

import pytest

from papertune.collect.web.chromium import find_browser
from papertune.records import Document, Rejection, read_records
from papertune.report.counts import read_counts, total
from papertune.scores.matrix import find_cell, read_matrix
from snakemake_run import planned, snakemake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    snakemake(folder, "--config", "experiments=demo")
    return folder


def test_fine_tuning_beats_the_base_where_the_same_generator_asks(demo):
    cells = read_matrix(demo / "results/demo/tables/matrix.csv")
    for model in ("full", "lora"):
        cell = find_cell(cells, model=model, test_set="extractive", metric="similarity")
        assert cell is not None
        assert cell.seeds == 2
        assert cell.difference > 0.1
        assert cell.p_corrected < 0.05


def test_no_test_text_is_in_what_the_base_read(demo):
    archive = (demo / "resources/demo/archive.jsonl").read_text()
    for year in (2022, 2023, 2024):
        for document in read_records(demo / f"results/demo/documents/{year}.jsonl", Document):
            name = document.title.partition(":")[0]
            assert name not in archive
            assert document.text not in archive


def test_240_papers_are_accounted_for(demo):
    rows = read_counts(demo / "results/demo/tables/counts.csv")
    missing = list(read_records(demo / "results/demo/missing.jsonl", Rejection))
    assert total(rows, "list", outcome="kept") == 240
    assert total(rows, "collect", outcome="kept") + len(missing) == 240
    reasons = sorted(item.reason for item in missing)
    if find_browser():
        assert reasons == ["http_404", "no_abstract"]
    else:
        assert set(reasons) == {"http_404", "needs_browser"}


def test_every_page_kind_gave_its_abstract(demo):
    found = {
        document.found_by.partition(":")[0]
        for path in (demo / "results/demo/documents").iterdir()
        for document in read_records(path, Document)
    }
    assert {"meta", "section", "script"} <= found


def test_the_report_stands_alone(demo):
    page = html.unescape((demo / "results/demo/report.html").read_text())
    assert len(page) < 5_000_000
    assert "http-equiv" in page and "default-src 'none'" in page
    assert "src=" not in page.replace("-src", "")


def test_a_second_run_does_nothing(demo):
    assert planned(demo, "--config", "experiments=demo") == {}


def test_training_took_what_the_page_says(demo):
    for method in ("full", "lora"):
        for seed in (1, 2):
            folder = demo / f"results/demo/models/{method}/seed-{seed}"
            facts = json.loads((folder / "training.json").read_text())
            assert facts["seed"] == seed
            assert facts["device"]
