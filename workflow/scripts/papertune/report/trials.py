"""Figures of a series of trials: models that come one after another, each with a change."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from papertune.metrics import METRICS, metric_named
from papertune.report.figures import COLOURS, MARKERS, canvas, colour, read_history, short
from papertune.report.tables import read_training
from papertune.scores.matrix import Cell, find_cell, read_matrix
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout

# name → what it shows
FIGURES = {
    "trials_metric": "The comparison’s metric by trial: a dot for the mean, a line for its interval, a "
    "colour for each test set. What was not trained stands first.",
    "trials_loss": "By trial, the mean training loss of the last tenth of its steps and its best validation "
    "loss; a dot for each seed.",
    "trials_steps": "Training loss by step, all steps and the first 200. One line per model and seed.",
    "trials_best": "By step, the validation loss of each trial, and what its best checkpoint was chosen by "
    "where that is something else.",
}
FIRST = 200  # steps

Run = tuple[str, int]  # model and seed
Rows = list[dict[str, float]]


def draw_trials(layout: Layout, folder: str | Path, *, matrix: str | Path) -> None:
    """Draw ``<name>.svg`` for every one of :data:`FIGURES`.

    They show ``matrix.csv``, and ``training.json``, ``history.csv`` and ``steps.csv`` of models.
    """
    study, folder, trials = layout.experiment, Path(folder), layout.experiment.trials
    facts = {run: said for run, said in read_training(layout).items() if run[0] in trials}
    paths = {run: Path(path) for run, path in layout.models().items() if run[0] in trials}
    histories = {run: read_history(path / "history.csv") for run, path in paths.items()}
    # models of earlier versions have no curve, but a training loss at each validation
    curves = {
        run: read_history(path / "steps.csv") if (path / "steps.csv").exists() else histories[run]
        for run, path in paths.items()
    }
    metric_by_trial(read_matrix(matrix), study, folder / "trials_metric.svg")
    losses_by_trial(facts, study, folder / "trials_loss.svg")
    loss_by_step(curves, study, folder / "trials_steps.svg")
    by_step(histories, facts, study, folder / "trials_best.svg")


def metric_by_trial(cells: list[Cell], study: Experiment, path: Path) -> None:
    """The comparison's metric of each trial, and of what they are held against, on every test set."""
    metric = metric_named(study.comparison.metric)
    models = [*dict.fromkeys(filter(None, map(study.baseline_of, study.trials))), *study.trials]
    with canvas(path, 6.4, 3.8) as axes:
        for place, test_set in enumerate(study.test_set_names):
            apart = (place - (len(study.test_set_names) - 1) / 2) * 0.12
            which = {"test_set": test_set, "metric": study.comparison.metric}
            found = [(x, find_cell(cells, model=one, **which)) for x, one in enumerate(models)]
            there = [(x + apart, cell) for x, cell in found if cell and cell.mean is not None]
            shade = COLOURS[(place + 1) % len(COLOURS)]
            for x, cell in there:
                if cell.low is not None and cell.high is not None:
                    axes.plot([x, x], [cell.low, cell.high], color=shade, linewidth=2.5, alpha=0.4)
            axes.plot(
                [x for x, _ in there], [cell.mean for _, cell in there], color=shade, linewidth=1,
                marker=MARKERS[place % len(MARKERS)], markersize=5, label=short(study.set_label(test_set)),
            )  # fmt: skip
        _trials_below(axes, study, models)
        axes.set_ylabel(f"{metric.label} ({metric.wish})")
        axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1))


def losses_by_trial(facts: Mapping[Run, Any], study: Experiment, path: Path) -> None:
    """Final training loss and best validation loss of each trial."""
    with canvas(path, 6.4, 3.8) as axes:
        for place, (key, label) in enumerate(
            {"final_training_loss": "training", "best_validation_loss": "validation"}.items()
        ):
            points = [
                (study.trials.index(model) + (place - 0.5) * 0.2, said[key])
                for (model, _), said in facts.items()
                if said.get(key) is not None
            ]
            if points:
                shade = COLOURS[1 + place]
                axes.plot(*zip(*points, strict=True), MARKERS[place], color=shade, label=label)
        _trials_below(axes, study, study.trials)
        axes.margins(y=0.15)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("nats per token")
        axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1))


def loss_by_step(curves: Mapping[Run, Rows], study: Experiment, path: Path) -> None:
    """Training loss by step: all steps, and the first 200."""
    with canvas(path, 6.4, 3.4, columns=2) as both:
        for axes, last, title in (
            (both[0], None, "All steps"),
            (both[1], FIRST, f"First {FIRST} steps"),
        ):
            _lines(axes, curves, study, "train_loss", last=last)
            axes.set_title(title)
            axes.set_ylim(bottom=0)
        both[0].set_ylabel("training loss (nats per answer token)")
        both[0].legend(fontsize="small")


def by_step(
    histories: Mapping[Run, Rows], facts: Mapping[Run, Any], study: Experiment, path: Path
) -> None:
    """Validation loss by step; beside it what checkpoints were chosen by, a panel for each metric."""
    chosen = {run: said.get("best_by", "validation_loss") for run, said in facts.items()}
    others = sorted({*chosen.values()} - {"validation_loss"})
    with canvas(path, 6.4, 3.4, columns=1 + len(others)) as panels:
        every = panels if others else [panels]
        for axes, key in zip(every, ["validation_loss", *others], strict=True):
            some = {run: rows for run, rows in histories.items() if any(key in row for row in rows)}
            _lines(axes, some, study, key, marker="o")
            axes.set_title(
                metric_named(key).label if key in METRICS else key.replace("_", " ").capitalize()
            )
        every[0].set_ylim(bottom=0)
        every[0].legend(fontsize="small")


def _lines(
    axes: Any,
    runs: Mapping[Run, Rows],
    study: Experiment,
    key: str,
    *,
    last: int | None = None,
    marker: str | None = None,
) -> None:
    """A line for each run; models are named once."""
    named = set()
    for (model, _), rows in runs.items():
        points = [
            (row["step"], row[key])
            for row in rows
            if key in row and row["step"] <= (last or row["step"])
        ]
        if points:
            label = None if model in named else short(study.model_label(model))
            axes.plot(
                *zip(*points, strict=True), color=colour(study, model), label=label, linewidth=1.2,
                alpha=0.85, marker=marker or ("o" if len(points) == 1 else None), markersize=3,
            )  # fmt: skip
            named.add(model)
    axes.set_xlabel("step")
    axes.set_xlim(left=0, right=last)
    axes.grid()


def _trials_below(axes: Any, study: Experiment, models: Sequence[str]) -> None:
    labels = [short(study.model_label(model)) for model in models]
    axes.set_xticks(range(len(models)), labels, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(models) - 0.4)
    axes.grid(axis="y")
