"""Tables of the report as CSV, Markdown and LaTeX, and the matrix as text for a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papertune.metrics import METRICS
from papertune.records import atomic_write
from papertune.report.counts import STAGES, Count, read_counts
from papertune.report.tabular import Table, to_text, write_table
from papertune.scores.matrix import ALL_YEARS, Cell, find_cell, read_matrix
from papertune.study.experiment import Experiment

BETTER, WORSE = "*", "†"
NONE = "–"


def write_tables(
    experiment: Experiment,
    folder: str | Path,
    *,
    matrix: str | Path,
    counts: str | Path,
    models: Mapping[tuple[str, int], str | Path],
) -> dict[str, Table]:
    """Write comparison, metrics, years, training and stages, each as .csv, .md and .tex.

    ``matrix.txt`` is the comparison as text for a terminal.

    Args:
        experiment: Labels and order.
        folder: Where tables go.
        matrix: ``matrix.csv`` of :func:`papertune.scores.matrix.compare`.
        counts: ``counts.csv`` of :func:`papertune.report.counts.count_stages`.
        models: (model, seed) → folder with ``training.json``.
    """
    cells = read_matrix(matrix)
    tables = {
        "comparison": comparison_table(cells, experiment),
        "metrics": metrics_table(cells, experiment),
        "years": years_table(cells, experiment),
        "training": training_table(read_training(models), experiment),
        "stages": stages_table(read_counts(counts)),
    }
    for name, table in tables.items():
        write_table(Path(folder) / name, table)
    with atomic_write(Path(folder) / "matrix.txt") as stream:
        stream.write(to_text(tables["comparison"]))
    return tables


def write_published(experiment: Experiment, folder: str | Path, *, matrix: str | Path) -> Table:
    """Write ``published`` as .csv, .md and .tex: measured beside the experiment's published figures."""
    table = published_table(read_matrix(matrix), experiment)
    write_table(Path(folder) / "published", table)
    return table


# ---- numbers and names ------------------------------------------------------


def number(value: float | None, metric: str, *, signed: bool = False) -> str:
    """A metric's value with as many digits as it deserves."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value) or abs(value) >= 1e6:
        return f"{value:.2g}"
    digits = {"perplexity": 2, "corpus_bleu": 1}.get(metric, 3)
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "").replace("+", "±")


def interval(cell: Cell) -> str:
    """``0.512 [0.480, 0.543]``, followed by a mark where the difference survived correction."""
    text = number(cell.mean, cell.metric)
    if cell.low is not None and cell.high is not None:
        text += f" [{number(cell.low, cell.metric)}, {number(cell.high, cell.metric)}]"
    return text + {True: BETTER, False: WORSE, None: ""}[cell.better()]


def p_text(p: float | None) -> str:
    """``0.012``, ``< 0.001``."""
    if p is None:
        return NONE
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


# ---- the tables -------------------------------------------------------------


def comparison_table(cells: list[Cell], experiment: Experiment) -> Table:
    """The matrix: models × test sets for the comparison's metric."""
    metric = experiment.comparison.metric
    rows = []
    for model in experiment.models:
        row = [experiment.model_label(model)]
        for test_set in experiment.test_set_names:
            cell = find_cell(cells, model=model, test_set=test_set, metric=metric)
            row.append(interval(cell) if cell else NONE)
        rows.append(row)
    how = experiment.comparison
    return Table(
        f"{METRICS[metric].label} with {how.confidence:.0%} interval; {BETTER} better and {WORSE} "
        f"worse than {experiment.model_label(experiment.baseline) or 'the baseline'}, corrected "
        "p < 0.05",
        ["Model", *(experiment.set_label(name) for name in experiment.test_set_names)],
        rows,
    )


def metrics_table(cells: list[Cell], experiment: Experiment) -> Table:
    """Every metric of every model on every test set, with the difference to the baseline."""
    rows = [
        [
            experiment.set_label(cell.test_set),
            METRICS[cell.metric].label,
            experiment.model_label(cell.model),
            interval(cell),
            number(cell.difference, cell.metric, signed=True),
            p_text(cell.p),
            p_text(cell.p_corrected),
            str(cell.questions),
            str(cell.documents),
            str(cell.seeds),
        ]
        for test_set in experiment.test_set_names
        for metric in experiment.metrics
        for cell in cells
        if (cell.test_set, cell.metric, cell.year) == (test_set, metric, ALL_YEARS)
    ]
    columns = "Test set|Metric|Model|Mean|Difference|p|p corrected|Questions|Documents|Seeds"
    return Table("Every metric on every test set", columns.split("|"), rows, left=3)


def years_table(cells: list[Cell], experiment: Experiment) -> Table:
    """The comparison's metric by year and over all."""
    metric = experiment.comparison.metric
    years = [*map(str, experiment.years_of("test")), ALL_YEARS]
    rows = [
        [
            experiment.set_label(test_set),
            experiment.model_label(model),
            *(
                number(cell.mean if cell else None, metric)
                for cell in (
                    find_cell(cells, model=model, test_set=test_set, metric=metric, year=year)
                    for year in years
                )
            ),
        ]
        for test_set in experiment.test_set_names
        for model in experiment.models
    ]
    return Table(f"{METRICS[metric].label} by year", ["Test set", "Model", *years], rows, left=2)


def published_table(cells: list[Cell], experiment: Experiment) -> Table:
    """Measured beside published, by year and over all."""
    rows = []
    for table in experiment.published:
        for model, values in table.values.items():
            for year, value in values.items():
                cell = find_cell(
                    cells, model=model, test_set=table.test_set, metric=table.metric, year=str(year)
                )
                mean = cell.mean if cell else None
                rows.append(
                    [
                        table.title or METRICS[table.metric].label,
                        experiment.model_label(model),
                        str(year),
                        number(value, table.metric),
                        interval(cell).rstrip(BETTER + WORSE) if cell else NONE,
                        number(None if mean is None else mean - value, table.metric, signed=True),
                    ]
                )
    columns = ["Table", "Model", "Year", "Published", "Measured", "Difference"]
    return Table("Measured beside published", columns, rows, left=3)


def read_training(models: Mapping[tuple[str, int], str | Path]) -> dict[tuple[str, int], Any]:
    """(model, seed) → the facts of its ``training.json``; untrained models have none."""
    facts = {}
    for key, folder in models.items():
        path = Path(folder) / "training.json"
        if path.exists():
            facts[key] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def training_table(facts: Mapping[tuple[str, int], Any], experiment: Experiment) -> Table:
    """What training each model took, from its ``training.json``."""

    def fact(values: Any, key: str, form: str = ",.0f", *, scale: float = 1) -> str:
        value = values.get(key)
        return NONE if value is None else format(value / scale, form)

    rows = [
        [
            experiment.model_label(model),
            str(seed),
            fact(values, "trainable_parameters"),
            fact(values, "total_parameters"),
            fact(values, "steps"),
            fact(values, "tokens_seen"),
            fact(values, "wall_seconds", ".1f"),
            fact(values, "tokens_per_second"),
            fact(values, "peak_memory_bytes", scale=1e6),
            str(values.get("device", NONE)),
            fact(values, "best_validation_loss", ".3f"),
        ]
        for (model, seed), values in facts.items()
    ]
    columns = (
        "Model|Seed|Trained parameters|All parameters|Steps|Tokens seen|Seconds|Tokens per second"
        "|Peak memory (MB)|Device|Validation loss"
    )
    return Table("Training", columns.split("|"), rows)


def stages_table(counts: list[Count]) -> Table:
    """What every stage kept and rejected, by part and reason; years of a stage are added up."""
    sums: dict[tuple[str, str, str, str, str], int] = {}
    for row in counts:
        part = "" if row.stage in ("list", "collect") else row.part
        key = (row.stage, part, row.outcome, row.reason, row.unit)
        sums[key] = sums.get(key, 0) + row.count
    rows = [
        [*map(str, key), f"{count:,}"]
        for key, count in sorted(sums.items(), key=lambda item: STAGES.index(item[0][0]))
    ]
    columns = ["Stage", "Part", "Outcome", "Reason", "Unit", "Count"]
    return Table("From listing to score", columns, rows, left=5)
