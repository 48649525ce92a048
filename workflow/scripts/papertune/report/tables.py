"""The tables of the report, and the matrix as text for a terminal."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papertune.files import atomic_write, read_json
from papertune.metrics import metric_named
from papertune.report.beside import form_table
from papertune.report.columns import write_columns
from papertune.report.counts import STAGES, Count, read_counts
from papertune.report.knowledge import knowledge_table
from papertune.report.numbers import (
    BETTER,
    NONE,
    WORSE,
    Shown,
    chance_of,
    count,
    explained,
    gain_of,
    interval,
    judged_gain,
    level,
    number,
    p_text,
    share,
    unread_note,
    with_limits,
    with_reason,
)
from papertune.report.programs import programs_table
from papertune.report.table import Table, to_text, write_table
from papertune.scores.matrix import Cell, find_cell, read_matrix
from papertune.scores.rows import read_rows
from papertune.scores.sums import ALL_YEARS
from papertune.scores.writers import Contrast
from papertune.study.design import Design
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout

AGAINST = "Baseline"  # a heading, used if models have different baselines
# heading → key of training.json, and format
FACTS = {
    "Trained parameters": ("trainable_parameters", "{:,.0f}"),
    "All parameters": ("total_parameters", "{:,.0f}"),
    "Steps": ("steps", "{:,.0f}"),
    "Examples cut": ("examples_cut", "{:,.0f}"),
    "Examples too long": ("examples_rejected", "{:,.0f}"),
    "Tokens seen": ("tokens_seen", "{:,.0f}"),
    "Seconds": ("wall_seconds", "{:.1f}"),
    "Tokens per second": ("tokens_per_second", "{:,.0f}"),
    "Peak memory (MB)": ("peak_memory_mb", "{:,.0f}"),
    "Device": ("device", "{}"),
    "Training loss, last tenth of steps": ("final_training_loss", "{:.3f}"),
    "Best validation loss": ("best_validation_loss", "{:.3f}"),
    "Untrained": ("untrained_validation_loss", "{:.3f}"),
}


def write_tables(
    layout: Layout,
    folder: str | Path,
    *,
    matrix: str | Path,
    writers: str | Path,
    counts: str | Path,
) -> dict[str, Table]:
    """Write each table as .csv, .md and .tex: comparison, form, gains, square, metrics, …

    They are made from ``matrix.csv``, ``writers.csv``, ``counts.csv`` and the ``training.json`` of
    models. ``matrix.txt`` is the comparison as text for a terminal, ``README.md`` lists columns.
    """
    experiment, cells = layout.experiment, read_matrix(matrix)
    tables = {
        "comparison": comparison_table(cells, experiment),
        "form": form_table(cells, experiment),
        "gains": gains_table(read_rows(writers, Contrast), experiment),
        "square": square_table(cells, experiment),
        "metrics": metrics_table(cells, experiment),
        "years": years_table(cells, experiment),
        "training": training_table(read_training(layout), experiment),
        "stages": stages_table(read_counts(counts)),
    }
    for name, table in tables.items():
        write_table(Path(folder) / name, table)
    write_columns(folder)
    with atomic_write(Path(folder) / "matrix.txt") as stream:
        stream.write(to_text(tables["comparison"]))
    return tables


def write_further(
    name: str, experiment: Experiment, folder: str | Path, *, matrix: str | Path
) -> Table:
    """Write one of the tables that only some experiments have (:meth:`Layout.further_tables`)."""
    table = FURTHER[name](read_matrix(matrix), experiment)
    write_table(Path(folder, name), table)
    return table


# ---- the tables -------------------------------------------------------------


def comparison_table(cells: list[Cell], experiment: Experiment) -> Table:
    """The matrix: models × test sets for the comparison's metric."""
    how, sets = experiment.comparison, experiment.usual_sets
    against = held_against(experiment)
    rows = []
    for model in experiment.models:
        found = [find_cell(cells, model=model, test_set=s, metric=how.metric) for s in sets]
        shown = map(interval, found)
        rows.append([experiment.model_label(model), *against.get(model, []), *shown])
    one = next(iter(experiment.baselines.values()), "")
    other = "its baseline" if against else experiment.model_label(one) or "the baseline"
    title = (
        f"{metric_named(how.metric).label} with {level(how.confidence)} interval; {BETTER} better and "
        f"{WORSE} worse than {other}, corrected p < {1 - how.confidence:.2g}"
    )
    if note := unread_note(cells, experiment):
        title += f"; {note}"
    columns = ["Model", *[AGAINST] * bool(against), *map(experiment.set_label, sets)]
    return Table(title, columns, rows, left=1 + bool(against))


def held_against(experiment: Experiment) -> dict[str, list[str]]:
    """Model → a cell with the label of its baseline; empty cells if there is only one baseline."""
    baselines = experiment.baselines
    if len(experiment.models) - len(baselines) < 2:
        return {}
    labels = {
        model: experiment.model_label(baselines.get(model, "")) for model in experiment.models
    }
    return {model: [label or NONE] for model, label in labels.items()}


def metrics_table(cells: list[Cell], experiment: Experiment) -> Table:
    """Every metric of every model on every test set, with the difference to its baseline."""
    against = held_against(experiment)
    rows = [
        [
            experiment.set_label(cell.test_set),
            metric_named(cell.metric).label,
            experiment.model_label(cell.model),
            *against.get(cell.model, []),
            interval(cell),
            chance_of(cell),
            gain_of(cell),
            *map(p_text, (cell.p, cell.p_corrected)),
            *map(str, (cell.questions, cell.documents, cell.seeds)),
        ]
        for test_set in experiment.test_set_names
        for metric in experiment.compared
        for cell in cells
        if (cell.test_set, cell.metric, cell.year) == (test_set, metric, ALL_YEARS)
    ]
    columns = ["Test set", "Metric", "Model", *[AGAINST] * bool(against)]
    numbers = [
        "Mean",
        "By chance",
        "Difference",
        "p",
        "p corrected",
        "Questions",
        "Documents",
        "Seeds",
    ]
    title = "Every metric on every test set; p corrected over each metric’s matrix"
    return Table(explained(title, rows), columns + numbers, rows, left=len(columns)).telling()


def gains_table(contrasts: list[Contrast], experiment: Experiment) -> Table:
    """Each model's gain on its own writer's questions and on others', and the share kept."""
    metric, rows = experiment.comparison.metric, []
    for one in contrasts:
        shown = [
            with_reason(
                with_limits(
                    (getattr(one, name), getattr(one, f"{name}_low"), getattr(one, f"{name}_high")),
                    metric,
                ),
                one.unclaimed,
            )
            for name in ("own", "others", "advantage")
        ]
        kept = {"": one.kept, "low": one.kept_low, "high": one.kept_high}
        of, *limits = map(share, kept.values())
        text = of if one.kept is None else f"{of} [{', '.join(limits)}]"
        writers = _writers(one.model, experiment)
        counts = [str(one.documents), str(one.seeds)]
        rows.append(
            [experiment.model_label(one.model), writers, *shown, Shown(text, kept), *counts]
        )
    columns = "Model|Trained on|Gain, own writer|Gain, others|Difference|Kept|Documents|Seeds"
    title = f"{metric_named(metric).label} gained on questions by the own writer and by others"
    return Table(title, columns.split("|"), rows, left=2)


def _writers(model: str, experiment: Experiment) -> str:
    return " + ".join(map(experiment.writer_label, experiment.datasets_of(model)))


def square_table(cells: list[Cell], experiment: Experiment) -> Table:
    """Writer × writer: the gain of every trained model on every writer's questions."""
    sets, metric = experiment.usual_sets, experiment.comparison.metric
    rows = []
    for model in experiment.trained:
        own = Design.of(experiment).own_sets(model)
        row: list[str] = [experiment.model_label(model), _writers(model, experiment)]
        for test_set in sets:
            cell = find_cell(cells, model=model, test_set=test_set, metric=metric)
            gain = judged_gain(cell)
            of_own = {"own writer": "yes" if test_set in own else "no"}
            shown = Shown(f"{gain}{' (own)' * (test_set in own)}", {**gain.plain, **of_own})
            row.append(shown)
        rows.append(row)
    title = f"{metric_named(metric).label} gained, by the writer of the questions"
    return Table(title, ["Model", "Trained on", *map(experiment.set_label, sets)], rows, left=2)


def years_table(cells: list[Cell], experiment: Experiment) -> Table:
    """The comparison's metric by year and over all."""
    metric = experiment.comparison.metric
    years = [*map(str, experiment.years_of("test")), ALL_YEARS]
    rows = []
    for test_set in experiment.usual_sets:
        for model in experiment.models:
            which = {"model": model, "test_set": test_set, "metric": metric}
            found = [find_cell(cells, **which, year=year) for year in years]
            means = [number(cell.mean if cell else None, metric) for cell in found]
            rows.append([experiment.set_label(test_set), experiment.model_label(model), *means])
    return Table(
        f"{metric_named(metric).label} by year", ["Test set", "Model", *years], rows, left=2
    )


def published_table(cells: list[Cell], experiment: Experiment) -> Table:
    """Measured and published numbers, by year and over all."""
    rows = []
    for table in experiment.published:
        name, title = table.metric, table.title or metric_named(table.metric).label
        for model, year, value in (
            (m, y, v) for m, of in table.values.items() for y, v in of.items()
        ):
            which = {"test_set": table.test_set, "metric": name, "year": str(year)}
            cell = find_cell(cells, **which, model=model)
            change = cell.mean - value if cell and cell.mean is not None else None
            shown = [
                number(value, name),
                interval(cell, marked=False),
                number(change, name, signed=True),
            ]
            rows.append([title, experiment.model_label(model), str(year), *shown])
    columns = ["Table", "Model", "Year", "Published", "Measured", "Difference"]
    return Table(explained("Measured beside published", rows), columns, rows, left=3)


def read_training(layout: Layout) -> dict[tuple[str, int], Any]:
    """(model, seed) → the facts of its ``training.json``, if it exists."""
    return {
        key: read_json(path)
        for key, folder in layout.models().items()
        if (path := Path(folder, "training.json")).exists()
    }


def training_table(facts: Mapping[tuple[str, int], Any], experiment: Experiment) -> Table:
    """The resources of each model's training, from its ``training.json``."""
    rows = []
    for (model, seed), said in facts.items():
        peak = said.get("peak_memory_bytes")
        examples = {f"examples_{fate}": n for fate, n in said.get("examples", {}).items()}
        known = said | examples | {"peak_memory_mb": None if peak is None else peak / 1e6}
        if not said.get("better_than_untrained", True):
            known["never_beaten"] = "never beaten"
        cells = [_fact(known, key, form) for key, form in FACTS.values()]
        writers = _writers(model, experiment)
        if union := said.get("union"):
            writers += f" ({union['pairs']:,} of {union['of']:,} pairs)"
        rows.append([experiment.model_label(model), writers, str(seed), *cells])
    return Table("Training", ["Model", "Trained on", "Seed", *FACTS], rows, left=2)


def _fact(known: Mapping[str, Any], key: str, form: str) -> str:
    value = known.get(key)
    text = NONE if value is None else form.format(value)
    if key != "untrained_validation_loss":
        return text if isinstance(value, str) else Shown(text, {"": value})
    beaten = known.get("never_beaten", "")
    return Shown(f"{text}, {beaten}" if beaten else text, {"": value, "note": beaten})


def stages_table(counts: list[Count]) -> Table:
    """What every stage kept and rejected, by part and reason; a stage's years are summed."""
    sums: Counter[tuple[str, ...]] = Counter()
    for row in counts:
        sums[row.stage, row.shown_part, row.outcome, row.reason, row.unit] += row.count
    ordered = sorted(sums.items(), key=lambda item: list(STAGES).index(item[0][0]))
    rows = [[*key, count(amount)] for key, amount in ordered]
    columns = ["Stage", "Part", "Outcome", "Reason", "Unit", "Count"]
    return Table("From listing to score", columns, rows, left=5)


FURTHER = {
    "published": published_table,
    "knowledge": knowledge_table,
    "programs": programs_table,
}
