"""Does a model know, or does it read? The same questions with the text at hand and without it."""

from papertune.metrics import metric_named
from papertune.report.numbers import explained, interval
from papertune.report.table import Table
from papertune.scores.matrix import Cell, find_cell
from papertune.study.experiment import Experiment

BOOKS = {"open": "With the text", "closed": "Without the text"}


def knowledge_table(cells: list[Cell], experiment: Experiment) -> Table:
    """The comparison's metric: a row per kind of question and model, a column with the text and without.

    Without rows where all test sets are about documents that no model saw, with their text.
    """
    metric, rows = experiment.comparison.metric, []
    kinds: dict[str, dict[str, str]] = {}  # of question → book → test set
    for name, one in experiment.sets.items():
        plain = one.model_copy(update={"book": "open", "label": ""})
        label = plain.label_of(experiment.writer_label(one.generator))
        kinds.setdefault(label, {}).setdefault(one.book, name)
    for kind, by_book in kinds.items() if len(experiment.usual_sets) < len(experiment.sets) else ():
        for model in experiment.models:
            which = {"model": model, "metric": metric}
            found = [
                find_cell(cells, **which, test_set=by_book[book]) if book in by_book else None
                for book in BOOKS
            ]
            rows.append([kind, experiment.model_label(model), *map(interval, found)])
    title = f"{metric_named(metric).label} with the text at hand and without it"
    return Table(explained(title, rows), ["Questions", "Model", *BOOKS.values()], rows, left=2)
