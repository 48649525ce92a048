"""Scores of models by turn of a conversation, each after the model's own earlier answers."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from papertune.jobs.scratch import scratch
from papertune.metrics import metric_named
from papertune.pairfile import read_pairs
from papertune.records import Score, read_records, to_line
from papertune.report.numbers import explained, interval
from papertune.report.table import Table, read_table, write_table
from papertune.scores.comparing import compare
from papertune.scores.matrix import Cell, find_cell
from papertune.study.design import Design
from papertune.study.layout import Layout

LAST = 5  # number of columns; the last one has all later turns


def write_turns(layout: Layout, folder: str | Path) -> Table:
    """Write ``turns``: the comparison's metric by turn, of each test set that has conversations."""
    turns = {
        name: {pair: min(turn, LAST - 1) for pair, (_, turn) in turns_of(layout, name)}
        for name in layout.test_sets()
    }
    turns = {name: of for name, of in turns.items() if len({*of.values()}) > 1}
    with scratch("by-turn") as place:
        cells = _cells(layout, turns, place) if turns else []
    table = turns_table(cells, layout, turns)
    write_table(Path(folder, "turns"), table)
    return table


def read_turns(layout: Layout) -> Table | None:
    """Read the table of :func:`write_turns`, if the experiment has conversations."""
    path = layout.further_tables().get("turns")
    return read_table(path) if path else None


def turns_table(cells: list[Cell], layout: Layout, turns: dict[str, dict[str, int]]) -> Table:
    """A row for each test set and model, a column for each turn."""
    study, rows = layout.experiment, []
    most = max((turn for of in turns.values() for turn in of.values()), default=0)
    for test_set in turns:
        for model in study.models:
            which = {"model": model, "metric": study.comparison.metric}
            found = [
                find_cell(cells, **which, test_set=_part(test_set, n)) for n in range(most + 1)
            ]
            labels = study.set_label(test_set), study.model_label(model)
            rows.append([*labels, *map(interval, found)])
    names = [f"Turn {n + 1}{' and later' * (n == LAST - 1)}" for n in range(most + 1)]
    title = (
        f"{metric_named(study.comparison.metric).label} by turn, after the model's own earlier "
        "answers"
    )
    return Table(explained(title, rows), ["Test set", "Model", *names], rows, left=2)


def turns_of(layout: Layout, test_set: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Pair → the id of its conversation, and its turn from 0; empty without conversations."""
    for pair in read_pairs(layout.test_set(test_set)) if layout.experiment.talks else ():
        yield pair.id, (pair.conversation, len(pair.before))


def _cells(layout: Layout, turns: dict[str, dict[str, int]], place: Path) -> list[Cell]:
    """The matrix of the comparison's metric, with each turn as a test set."""
    design = Design.of(layout.experiment)
    files = {
        (model, seed, part): made
        for (model, seed, test_set), path in layout.by_cell("scores").items()
        if test_set in turns
        for part, made in _split(Path(path), test_set, turns[test_set], place / f"{model}-{seed}")
    }
    names = {test_set: test_set for _, _, test_set in files}
    one = replace(design, metrics=[design.comparison.metric], sets=names)
    return compare(files, one, matrix=place / "matrix.csv")


def _split(
    path: Path, test_set: str, turns: dict[str, int], folder: Path
) -> Iterator[tuple[str, Path]]:
    folder.mkdir(exist_ok=True)
    files = {turn: folder / f"{test_set}-{turn}.jsonl" for turn in sorted({*turns.values()})}
    with ExitStack() as stack:
        opened = {turn: stack.enter_context(file.open("w")) for turn, file in files.items()}
        for score in read_records(path, Score):
            opened[turns[score.pair]].write(to_line(score))
    for turn, file in files.items():
        yield _part(test_set, turn), file


def _part(test_set: str, turn: int) -> str:
    return f"{test_set}/{turn}"
