"""Compare the numbers of two studies on the questions that both asked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from papertune.metrics import metric_named
from papertune.report.finished import Study, names_of
from papertune.report.numbers import (
    BETTER,
    NONE,
    WORSE,
    count,
    interval,
    judged_gain,
    level,
    p_text,
)
from papertune.report.table import Table
from papertune.scores.matrix import Cell, find_cell, make_matrix
from papertune.scores.sums import Measured, Questions, Sums, read_parts, read_questions
from papertune.study.design import Design
from papertune.study.settings import Comparison

FIRST = "\0first"  # suffix of the names of the first study's models


@dataclass(frozen=True, slots=True)
class Shared:
    """The questions of a test set that both studies asked."""

    questions: Questions
    mine: int  # number of the first study's questions
    theirs: int
    # documents with different questions in the two studies, which cannot be paired
    left: tuple[frozenset[str], frozenset[str]]


def shared_questions(mine: Path, theirs: Path) -> Shared:
    """The questions about documents for which both studies have the same pairs.

    Args:
        mine: A file of scores of the first study; ``theirs`` is one of the second.
    """
    asked = [read_questions(path) for path in (mine, theirs)]
    pairs = [_by_document(one) for one in asked]
    same = {name for name, own in pairs[0].items() if pairs[1].get(name) == own}
    left = frozenset(pairs[0].keys() - same), frozenset(pairs[1].keys() - same)
    same_ones = read_questions(mine, left[0]) if left[0] else asked[0]
    return Shared(same_ones, len(asked[0].pairs), len(asked[1].pairs), left)


def _by_document(asked: Questions) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pair, row in asked.pairs.items():
        found.setdefault(asked.ids[asked.documents[row]], set()).add(pair)
    return found


def compare_numbers(first: Study, second: Study) -> tuple[Table, list[Cell], list[str]]:
    """The table of models × test sets × metrics, the paired differences in it, and notes.

    A difference is the second study's value minus the first's, on the questions that both asked,
    with the estimator of the matrix: the second study's model is compared with the first's like a
    model with its baseline, and p is corrected over all comparisons by one metric.
    """
    metrics = [one for one in first.settings["metrics"] if one in second.settings["metrics"]]
    models = [name for name in first.made["models"] if name in second.made["models"]]
    sets = [name for name in first.made["test_sets"] if name in second.made["test_sets"]]
    notes, usable = [], []
    for metric in metrics:
        if first.embedder(metric) == second.embedder(metric):
            usable.append(metric)
        else:
            label = metric_named(metric).label
            notes.append(
                f"{label} has a different embedder in each study: its values cannot be compared."
            )
    shared = {}
    for name in sets:
        files = [
            next(chain(*(one.scores(m, name) for m in models)), None) for one in (first, second)
        ]
        if None not in files:
            shared[name] = shared_questions(*files)  # type: ignore[arg-type]
            notes.append(_note(name, first, shared[name]))
    trained = {name for name in models for one in (first, second) if one.trained(name)}
    design = Design(
        metrics=usable,
        baselines={name: name + FIRST for name in models},
        trained=trained | {name + FIRST for name in trained},
        writers={},
        comparison=Comparison.model_validate(first.settings["comparison"]),
        sets={},
    )
    measured = (
        list(_measured(name, one, first, second, models, usable))
        for name, one in shared.items()
        if one.questions.pairs
    )
    cells = make_matrix(measured, design) if usable else []
    rows = [
        row
        for metric in metrics
        for name in sets
        for model in models
        if (row := _row(first, second, cells, model, name, metric))
    ]
    confidence = level(design.comparison.confidence)
    title = (
        f"Values with {confidence} intervals of each study, and the difference on the questions that "
        f"both asked; {BETTER} better and {WORSE} worse in {names_of(first, second)[1]}, corrected "
        f"p < {design.alpha:.2g}"
    )
    columns = [
        "Metric",
        "Test set",
        "Model",
        *names_of(first, second),
        "Difference",
        "p",
        "Questions",
    ]
    return Table(title, columns, rows, 3), cells, notes


def _note(name: str, first: Study, shared: Shared) -> str:
    label, same = first.made["test_sets"][name], len(shared.questions.pairs)
    if not same:
        return (
            f"{label}: the studies have no question in common, so their values cannot be compared."
        )
    counts = f"the first study's {shared.mine:,} and the second's {shared.theirs:,}"
    return f"{label}: {same:,} questions are the same, of {counts}; differences are on these only."


def _measured(
    test_set: str,
    shared: Shared,
    first: Study,
    second: Study,
    models: list[str],
    metrics: list[str],
) -> Iterator[Measured]:
    """The second study's models paired with the first's, and these alone for seed variance."""
    asked = shared.questions
    for model in models:
        files = first.scores(model, test_set), second.scores(model, test_set)
        if not all(files):
            continue
        mine, theirs = (
            read_parts(paths, asked, metrics, left)
            for paths, left in zip(files, shared.left, strict=True)
        )
        for name in metrics:
            both = Sums.of(asked, theirs[name], mine[name])
            own = replace(both, theirs=None)
            yield Measured(model, test_set, name, own, both, {})
            yield Measured(model + FIRST, test_set, name, Sums.of(asked, mine[name]), None, {})


def _row(
    first: Study, second: Study, cells: list[Cell], model: str, test_set: str, metric: str
) -> list[str] | None:
    which = {"model": model, "test_set": test_set, "metric": metric}
    own = [find_cell(one.cells, **which) for one in (first, second)]
    if None in own:
        return None
    shown = [interval(replace(one, verdict="")) for one in own if one is not None]
    labels = [metric_named(metric).label, first.made["test_sets"][test_set]]
    both = find_cell(cells, **which)
    if both is None or both.difference is None:
        return [*labels, first.made["models"][model], *shown, NONE, NONE, "0"]
    told = judged_gain(both, signed=True), p_text(both.p_corrected), count(both.questions)
    return [*labels, first.made["models"][model], *shown, *told]
