"""Figures of a series of trials: successive models, each with a change."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

from papertune.metrics import METRICS, metric_named
from papertune.report.figures import (
    COLOURS,
    bare_ticks,
    canvas,
    colour,
    curve,
    marker,
    panels,
    read_history,
    short,
)
from papertune.report.tables import read_training
from papertune.scores.matrix import Cell, find_cell, read_matrix
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout

# name → caption
FIGURES = {
    "trials_metric": "The comparison’s metric by trial: a dot for the mean, a line for its interval, a "
    "colour and a marker for each test set. Untrained models come first.",
    "trials_loss": "By trial, the mean training loss of the last tenth of its steps and its best validation "
    "loss; a dot for each seed.",
    "trials_steps": "Training loss by step, all steps and the first 200: a row per trial, a line per seed.",
    "trials_best": "By step, the validation loss of each trial, and the criterion of its best checkpoint if "
    "that is another metric: a panel per trial, a line per seed.",
}
FIRST = 200  # steps

Run = tuple[str, int]  # model and seed
Rows = list[dict[str, float]]


def draw_trials(layout: Layout, folder: str | Path, *, matrix: str | Path) -> None:
    """Draw ``<name>.svg`` and ``<name>.pdf`` for each of :data:`FIGURES`.

    They show ``matrix.csv``, and ``training.json``, ``history.csv`` and ``steps.csv`` of models.
    """
    study, folder, trials = layout.experiment, Path(folder), layout.experiment.trials
    facts = {run: said for run, said in read_training(layout).items() if run[0] in trials}
    paths = {run: Path(path) for run, path in layout.models().items() if run[0] in trials}
    histories = {run: read_history(path / "history.csv") for run, path in paths.items()}
    # models of earlier versions have no curve, only a training loss at each validation
    curves = {
        run: read_history(path / "steps.csv") if (path / "steps.csv").exists() else histories[run]
        for run, path in paths.items()
    }
    metric_by_trial(read_matrix(matrix), study, folder / "trials_metric.svg")
    losses_by_trial(facts, study, folder / "trials_loss.svg")
    loss_by_step(curves, study, folder / "trials_steps.svg")
    by_step(histories, facts, study, folder / "trials_best.svg")


def metric_by_trial(cells: list[Cell], study: Experiment, path: Path) -> None:
    """The comparison's metric of each trial, and of their baselines, on every test set."""
    metric, sets = metric_named(study.comparison.metric), study.test_set_names
    models = [*dict.fromkeys(filter(None, map(study.baseline_of, study.trials))), *study.trials]
    with canvas(path, _height(models, len(sets))) as [axes]:
        for place, test_set in enumerate(sets):
            apart = (place - (len(sets) - 1) / 2) * 0.7 / len(sets)
            which = {"test_set": test_set, "metric": study.comparison.metric}
            found = [(y, find_cell(cells, model=one, **which)) for y, one in enumerate(models)]
            there = [(y + apart, cell) for y, cell in found if cell and cell.mean is not None]
            shade = COLOURS[(place + 1) % len(COLOURS)]
            for y, cell in there:
                if cell.low is not None and cell.high is not None:
                    axes.plot([cell.low, cell.high], [y, y], color=shade, linewidth=1.5)
            axes.plot(
                [cell.mean for _, cell in there], [y for y, _ in there], marker(place), color=shade,
                markersize=5, label=short(study.set_label(test_set)),
            )  # fmt: skip
        _trials_beside(axes, study, models)
        axes.set_xlabel(f"{metric.label} ({metric.wish})")
        axes.figure.legend(ncols=2, loc="outside upper left")


def losses_by_trial(facts: Mapping[Run, Any], study: Experiment, path: Path) -> None:
    """Final training loss and best validation loss of each trial."""
    with canvas(path, _height(study.trials, 2)) as [axes]:
        for place, (key, label) in enumerate(
            {"final_training_loss": "training", "best_validation_loss": "validation"}.items()
        ):
            points = [
                (said[key], study.trials.index(model) + (place - 0.5) * 0.3)
                for (model, _), said in facts.items()
                if said.get(key) is not None
            ]
            if points:
                shade = COLOURS[1 + place]
                axes.plot(*zip(*points, strict=True), marker(place), color=shade, label=label)
        _trials_beside(axes, study, study.trials)
        axes.margins(x=0.1)
        axes.set_xlim(left=0)
        axes.set_xlabel("nats per token")
        axes.figure.legend(ncols=2, loc="outside upper left")


def loss_by_step(curves: Mapping[Run, Rows], study: Experiment, path: Path) -> None:
    """Training loss by step: a row of panels per trial, of all steps and of the first 200."""
    ends = {"All steps": inf, f"First {FIRST} steps": FIRST}
    with _by_trial(path, study, [*ends], sharey=True, sharex="col") as every:
        for row, model in zip(every, study.trials, strict=True):
            for axes, last in zip(row, ends.values(), strict=True):
                _seeds(axes, curves, study, model, "train_loss", last=last)
        for axes, last in zip(every[0], ends.values(), strict=True):
            axes.set_xlim(left=0, right=None if last == inf else last)
        every[0][0].set_ylim(bottom=0)
        every[0][0].figure.supylabel("training loss (nats per answer token)", size="medium")


def by_step(
    histories: Mapping[Run, Rows], facts: Mapping[Run, Any], study: Experiment, path: Path
) -> None:
    """Validation loss by step, and the criterion of checkpoints; a panel for each metric."""
    chosen = {run: said.get("best_by", "validation_loss") for run, said in facts.items()}
    keys = ["validation_loss", *sorted({*chosen.values()} - {"validation_loss"})]
    named = [metric_named(k).label if k in METRICS else _words(k) for k in keys]
    if len(keys) == 1:
        with panels(path, [*map(study.model_label, study.trials)]) as alone:
            for axes, model in zip(alone, study.trials, strict=False):
                _seeds(axes, histories, study, model, *keys, marker="o")
            alone[0].figure.supylabel(named[0], size="medium")
        return
    with _by_trial(path, study, named, sharex=True, sharey="col") as every:
        for row, model in zip(every, study.trials, strict=True):
            for axes, key in zip(row, keys, strict=True):
                _seeds(axes, histories, study, model, key, marker="o")
        every[0][0].set_xlim(left=0)
        every[0][0].set_ylim(bottom=0)


@contextmanager
def _by_trial(
    path: Path, study: Experiment, named: Sequence[str], **shared: Any
) -> Iterator[list[list[Any]]]:
    """Rows of panels, one per trial; each column has a heading."""
    across, labels = len(named), [*map(study.model_label, study.trials)]
    with canvas(path, 0.6 + 1.4 * len(labels), across, len(labels), **shared) as every:
        rows = [every[place : place + across] for place in range(0, len(every), across)]
        for place, (row, label) in enumerate(zip(rows, labels, strict=True)):
            for axes, name in zip(row, named, strict=True):
                axes.set_title(f"{name}\n{short(label)}" if place == 0 else short(label))
                axes.grid()
        for axes in rows[-1]:
            axes.set_xlabel("step")
        yield rows


def _seeds(
    axes: Any, runs: Mapping[Run, Rows], study: Experiment, model: str, key: str, **how: Any
) -> None:
    """A line for each seed of a model."""
    for (of, _), rows in runs.items():
        if of == model:
            curve(axes, rows, key, color=colour(study, model), **how)


def _words(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _height(models: Sequence[str], sets: int) -> float:
    """Inches of a figure with a row per model and ``sets`` marks per row."""
    return 1.2 + len(models) * max(0.3, 0.14 * sets)


def _trials_beside(axes: Any, study: Experiment, models: Sequence[str]) -> None:
    bare_ticks(axes, range(len(models)), [study.model_label(model) for model in models])
    axes.set_ylim(len(models) - 0.4, -0.6)
