"""The demo as delivered: what a newcomer sees must be true."""

import pytest

from papertune.collect.web.installed import find_browser
from papertune.files import read_json
from papertune.records import Document, Rejection, read_records
from papertune.report.counts import read_counts, total
from papertune.scores.matrix import find_cell, read_matrix
from snakemake_run import ROOT, planned, snakemake

pytestmark = pytest.mark.slow
QUOTED = ROOT / "docs/demo/made.json"  # what README.md is made of


def verdicts(path):
    """What a run says is shown: in each cell, and of each model and its gains, but not of which kind.

    Whether a gain is one in content hangs on the base: rounding makes another on every kind of processor.
    """
    made = read_json(path)
    cells = {(cell["model"], cell["test_set"]): cell["verdict"] for cell in made["matrix"]}
    for claim in made["claims"]:
        for said in (claim, *claim["gains"]):
            del said["kind"]
    return cells, made["claims"]


def test_the_demo_shows_what_the_readme_says(tmp_path):
    snakemake(tmp_path, "--config", "experiments=demo")
    results = tmp_path / "results/demo"
    cells = read_matrix(results / "tables/matrix.csv")
    for model in ("full", "lora"):
        cell = find_cell(cells, model=model, test_set="extractive", metric="similarity")
        assert cell.seeds == 4 and cell.difference > 0.1 and cell.p_corrected < 0.05
    # intervals may differ from machine to machine, and what they say may not
    assert verdicts(results / "made.json") == verdicts(QUOTED)
    assert (results / "report.html").stat().st_size < 5_000_000

    # every paper is accounted for, and every kind of page gave its abstract
    rows = read_counts(results / "tables/counts.csv")
    missing = list(read_records(results / "missing.jsonl", Rejection))
    assert total(rows, "list", outcome="kept") == 240
    assert total(rows, "collect", outcome="kept") + len(missing) == 240
    reasons = {item.reason for item in missing}
    assert reasons == {"http_404", "no_abstract" if find_browser() else "needs_browser"}
    documents = [
        document
        for path in sorted((results / "documents").iterdir())
        for document in read_records(path, Document)
    ]
    kinds = {document.found_by.partition(":")[0] for document in documents}
    assert {"meta", "section", "script"} <= kinds

    # no text of a test is in what the base read
    archive = (tmp_path / "resources/demo/archive.jsonl").read_text()
    for document in (document for document in documents if document.year >= 2022):
        assert document.title.partition(":")[0] not in archive and document.text not in archive

    assert planned(tmp_path, "--config", "experiments=demo") == {}, "a second run does something"
