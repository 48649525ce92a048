"""The filter of unrelated questions: its measured accuracy, and its errors."""

import math
from collections import Counter
from collections.abc import Mapping
from heapq import nlargest, nsmallest
from pathlib import Path
from typing import Any

from papertune.filter.load import Filter
from papertune.filter.questions import Judged
from papertune.records import Rejection, read_records
from papertune.report.numbers import NONE, Shown, level
from papertune.report.table import Table, write_table
from papertune.study.layout import Layout

HEADINGS = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "passed": "Unrelated that pass",
}
EXAMPLES = 10  # of each kind of error
LONGEST = 300  # characters of an example


def write_filtering(layout: Layout, folder: str | Path) -> None:
    """Write filter.csv, .md and .tex into a folder."""
    write_table(Path(folder, "filter"), filter_table(Filter.load(layout.filter("")).about))


def filter_table(about: Mapping[str, Any]) -> Table:
    """A row for the chosen threshold and one for the middle of the scores."""
    precision = about["settings"]["precision"]
    reached = "" if about["reached"] else ", which no threshold reaches"
    names = {
        "chosen": f"chosen for a precision of {level(precision)}{reached}",
        "middle": "0.5, the middle of the scores",
    }
    rows = [
        [label, *(_interval(about["measured"][name][measure]) for measure in HEADINGS)]
        for name, label in names.items()
    ]
    title = f"How well the filter works, with {level(about['confidence'])} intervals over documents"
    return Table(title, ["Threshold", *HEADINGS.values()], rows)


def _interval(measure: Mapping[str, Any]) -> Shown:
    value, low, high = (_percent(measure[name]) for name in ("value", "low", "high"))
    note = "few documents" if value and not low else ""
    text = f"{value} [{low}, {high}]" if low else f"{value} ({note})" if note else NONE
    return Shown(
        text, {"": measure["value"], "low": measure["low"], "high": measure["high"], "note": note}
    )


def _percent(value: float | None) -> str:
    """Two significant digits, also near 0 and 1: ``0.0059%``, ``63%``, ``97.7%``."""
    if value is None:
        return ""
    rest = min(value, 1 - value)
    digits = max(0, min(6, 1 - math.floor(math.log10(100 * rest)))) if rest > 0 else 0
    return f"{100 * value:.{digits}f}%"


def read_filtering(layout: Layout) -> dict[str, Any] | None:
    """The filter's data for the page; None if the experiment has no filter."""
    if layout.experiment.filter is None:
        return None
    about = Filter.load(layout.filter("")).about
    judged = list(read_records(layout.filter("judged.jsonl"), Judged))
    passes = [one for one in judged if one.passes and not one.related]
    stopped = [one for one in judged if one.related and not one.passes]
    wrong = {
        "Unrelated, and it lets them pass": (
            len(passes),
            nlargest(EXAMPLES, passes, _by_score),
        ),
        "Of the study, and it stops them": (
            len(stopped),
            nsmallest(EXAMPLES, stopped, _by_score),
        ),
    }
    left = (read_records(path, Rejection) for path in layout.filter_left_out())
    return {
        "about": about,
        "table": filter_table(about),
        "wrong": {
            kind: (count, [(_cut(one.question), f"{one.score:.3f}") for one in some])
            for kind, (count, some) in wrong.items()
        },
        "left_out": sorted(Counter(one.reason for some in left for one in some).items()),
    }


def _by_score(one: Judged) -> tuple[float, str]:
    return one.score, one.id


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
