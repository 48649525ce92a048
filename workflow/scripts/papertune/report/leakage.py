"""Tables of texts on both sides of a split, and of their effect on the matrix."""

from collections import Counter
from pathlib import Path
from typing import Any

from papertune.leakage.pairs import TrainedPairs
from papertune.records import Rejection, Suspect, read_records
from papertune.report.numbers import count, explained, interval
from papertune.report.table import Table, read_table, write_table
from papertune.scores.matrix import find_cell, read_matrix
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout


def write_leakage(layout: Layout, folder: str | Path, *, matrix: str | Path) -> None:
    """Write leakage and unsuspected, each as .csv, .md and .tex, beside ``matrix``."""
    unsuspected = Path(layout.leakage("matrix.csv"))
    write_table(Path(folder) / "leakage", leakage_table(layout))
    table = unsuspected_table(layout.experiment, matrix, unsuspected)
    write_table(Path(folder) / "unsuspected", table)


def leakage_table(layout: Layout) -> Table:
    """What was removed and why, and which suspects stay."""
    rows = [
        ["taken out", split, one.key, one.reason, one.detail]
        for split, path in layout.left_out().items()
        for one in read_records(path, Rejection)
    ]
    rows += [
        ["taken out", f"{generator}/{split}", one.key, one.reason, one.detail]
        for (generator, split), path in layout.by_split("rejected/pairs").items()
        for one in read_records(path, Rejection)
        if one.reason == "trained_on"
    ]
    rows += [
        ["suspicious, kept", "test", one.document, one.reason, one.detail]
        for one in read_records(layout.leakage("suspects.jsonl"), Suspect)
    ]
    trained = TrainedPairs(layout.training_pairs(), reading=False)
    for (generator, split), path in layout.by_split("datasets").items():
        same, every = trained.count(path) if split == "test" else (0, 0)
        if same:
            detail = (
                f"{same:,} of {every:,} pairs have question and answer of a training pair, about"
            )
            detail += " another text: every model must find the answer in the text"
            rows.append(
                ["reported, kept", f"{generator}/{split}", "", "same_pair_other_text", detail]
            )
    columns = ["What became of it", "Split", "Document", "Reason", "Where"]
    return Table("Leakage between training and test", columns, rows, left=5)


def unsuspected_table(experiment: Experiment, matrix: str | Path, without: str | Path) -> Table:
    """The comparison's metric on all test documents, and on those that are not suspects."""
    metric, every, rest = experiment.comparison.metric, read_matrix(matrix), read_matrix(without)
    rows = []
    for test_set in experiment.usual_sets:
        for model in experiment.models:
            which = {"model": model, "test_set": test_set, "metric": metric}
            found = [find_cell(cells, **which) for cells in (every, rest)]
            rows.append(
                [
                    experiment.set_label(test_set),
                    experiment.model_label(model),
                    *map(interval, found),
                    *(count(cell.documents if cell else 0) for cell in found),
                ]
            )
    columns = ["Test set", "Model", "All documents", "Without suspects", "Documents", "Of these"]
    title = explained("With and without suspect documents", rows)
    return Table(title, columns, rows, left=2)


def read_leakage(folder: str | Path) -> dict[str, Any]:
    """Both tables for the page: ``found``, ``unsuspected``, and ``counts`` of the former."""
    found = read_table(Path(folder, "leakage.json"))
    counts = Counter((became, split, reason) for became, split, _, reason, _ in found.rows)
    unsuspected = read_table(Path(folder, "unsuspected.json"))
    return {"found": found, "unsuspected": unsuspected, "counts": sorted(counts.items())}
