"""Compare answers to the same questions with the text (open book) and without (closed book)."""

from papertune.metrics import metric_named
from papertune.report.numbers import explained, interval
from papertune.report.table import Table
from papertune.scores.matrix import Cell, find_cell
from papertune.study.experiment import Experiment

BOOKS = {"open": "With the text", "closed": "Without the text"}


def knowledge_table(cells: list[Cell], experiment: Experiment) -> Table:
    """The comparison's metric: a row per kind of question and model, columns with and without text.

    It has no rows if all test sets show the text of documents that no model saw in training.
    """
    metric, rows = experiment.comparison.metric, []
    kinds: dict[str, dict[str, str]] = {}  # kind of question → book → test set
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
    title = f"{metric_named(metric).label} with the text and without it"
    return Table(explained(title, rows), ["Questions", "Model", *BOOKS.values()], rows, left=2)
