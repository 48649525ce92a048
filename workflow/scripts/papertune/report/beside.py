"""The table that tells form from content, beside the comparison's metric."""

from papertune.metrics import metric_named
from papertune.metrics.form import companions
from papertune.report.numbers import explained, gain_of, interval
from papertune.report.table import Table
from papertune.scores.matrix import Cell, find_cell
from papertune.study.experiment import Experiment

# a test set's label, and the cells of each of its models, a cell per metric
Rows = tuple[str, list[tuple[str, list[Cell | None]]]]


def side_by_side(cells: list[Cell], experiment: Experiment) -> tuple[list[str], list[Rows]]:
    """The metrics by label, and their cells by test set and model."""
    names = companions(experiment.comparison.metric)

    def of(model: str, test_set: str) -> list[Cell | None]:
        return [find_cell(cells, model=model, test_set=test_set, metric=name) for name in names]

    rows = [
        (experiment.set_label(one), [(m, of(m, one)) for m in experiment.models])
        for one in experiment.test_set_names
    ]
    return [metric_named(name).label for name in names], rows


def form_table(cells: list[Cell], experiment: Experiment) -> Table:
    """The comparison's metric, and the metrics that tell a gain in form from one in content."""
    labels, by_set = side_by_side(cells, experiment)
    rows = [
        [test_set, experiment.model_label(model), *(text for cell in found for text in _told(cell))]
        for test_set, models in by_set
        for model, found in models
    ]
    columns = [text for label in labels for text in (label, f"{label}, difference")]
    title = explained("Form and content", rows)
    return Table(title, ["Test set", "Model", *columns], rows, left=2)


def _told(cell: Cell | None) -> tuple[str, str]:
    return interval(cell), gain_of(cell)
