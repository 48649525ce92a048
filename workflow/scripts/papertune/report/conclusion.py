"""What the matrix says, in plain words and no more than it says."""

from __future__ import annotations

from dataclasses import dataclass

from papertune.metrics import METRICS
from papertune.report.tables import number, p_text
from papertune.scores.matrix import ALL_YEARS, Cell, find_cell
from papertune.study.experiment import Experiment

NOTHING = "Nothing to compare: the experiment has no baseline, or no model beside it."
CORRECTIONS = {"holm": "Holm", "fdr_bh": "Benjamini and Hochberg"}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A headline, the findings behind it, and what they do not show."""

    headline: str
    findings: list[str]
    caveats: list[str]


def conclude(cells: list[Cell], experiment: Experiment) -> Conclusion:
    """Which models beat the baseline, on which test set, and whether a change of writer matters."""
    trained = [m for m, model in experiment.models.items() if model.method != "baseline"]
    findings = [
        _finding(cell, experiment)
        for model in trained
        for test_set in experiment.test_set_names
        if (cell := _cell(cells, experiment, model, test_set)) is not None
    ]
    return Conclusion(_headline(cells, experiment, trained), findings, _caveats(cells, experiment))


def _cell(cells: list[Cell], experiment: Experiment, model: str, test_set: str) -> Cell | None:
    return find_cell(cells, model=model, test_set=test_set, metric=experiment.comparison.metric)


def _headline(cells: list[Cell], experiment: Experiment, trained: list[str]) -> str:
    if not experiment.baseline or not trained:
        return NOTHING

    def better(model: str, test_set: str) -> bool:
        cell = _cell(cells, experiment, model, test_set)
        return cell is not None and cell.better() is True

    def names(models: list[str]) -> str:
        return _and([experiment.model_label(model) for model in models])

    base, sets = experiment.model_label(experiment.baseline), experiment.test_set_names
    gained = [m for m in trained if better(m, experiment.dataset_of(m))]
    if not gained:
        elsewhere = [m for m in trained if any(better(m, name) for name in sets)]
        if elsewhere:
            return (
                f"Not where it was trained to: {names(elsewhere)} gained, but only on questions "
                "by another writer than that of the training pairs."
            )
        return (
            f"No gain could be shown: no fine-tuned model is measurably better than "
            f"{base} on questions by {_and([experiment.set_label(name) for name in sets])}."
        )
    others = {m: [name for name in sets if name != experiment.dataset_of(m)] for m in gained}
    yes = f"Yes: {names(gained)} {'answers' if len(gained) == 1 else 'answer'} better than {base}"
    if not any(others.values()):
        return f"{yes}. Whether the gain survives a change of question writer was not asked."
    kept = [m for m in gained if others[m] and all(better(m, name) for name in others[m])]
    lost = [m for m in gained if m not in kept]
    if not kept:
        return (
            f"{yes} on questions by the writer of the training pairs. That the gain survives a "
            "change of question writer could not be shown."
        )
    # how much of the gain is left: surviving says nothing about size
    left = ", ".join(_shrunk(cells, experiment, model, others[model]) for model in kept)
    if not lost:
        return f"{yes}, and the gain survives a change of question writer ({left})."
    return (
        f"{yes}. The gain of {names(kept)} survives a change of question writer ({left}); "
        f"for {names(lost)} that could not be shown."
    )


def _shrunk(cells: list[Cell], experiment: Experiment, model: str, others: list[str]) -> str:
    """A model's gain on its own writer's questions, and the least of those on the others'."""
    own = _cell(cells, experiment, model, experiment.dataset_of(model))
    left = [cell for name in others if (cell := _cell(cells, experiment, model, name))]
    least = min(left, key=lambda cell: abs(cell.difference or 0))
    metric = experiment.comparison.metric
    return " becomes ".join(
        number(cell.difference if cell else None, metric, signed=True) for cell in (own, least)
    )


def _finding(cell: Cell, experiment: Experiment) -> str:
    def signed(value: float | None) -> str:
        return number(value, cell.metric, signed=True)

    own = cell.test_set == experiment.dataset_of(cell.model)
    said = (
        f"{experiment.model_label(cell.model)}, questions by {experiment.set_label(cell.test_set)}, "
        f"{'which wrote' if own else 'which did not write'} its training pairs: "
        f"{number(cell.mean, cell.metric)}"
    )
    if cell.difference is None or cell.p_corrected is None:
        return f"{said}; no comparison was possible."
    verdict = {True: "better", False: "worse", None: "no measurable difference"}[cell.better()]
    return (
        f"{said}, {signed(cell.difference)} "
        f"[{signed(cell.difference_low)}, {signed(cell.difference_high)}] against "
        f"{experiment.model_label(experiment.baseline)}, "
        f"corrected p {p_text(cell.p_corrected, '= ')}: {verdict}."
    )


def _caveats(cells: list[Cell], experiment: Experiment) -> list[str]:
    how, metric = experiment.comparison, METRICS[experiment.comparison.metric]
    judged = [cell for cell in cells if cell.metric == how.metric and cell.year == ALL_YEARS]
    tests = sum(cell.p is not None for cell in judged)
    said = [
        f"Judged by {metric.label.lower()} ({metric.unit}). Intervals are {how.confidence:.0%}, "
        f"from {how.resamples:,} resamples of whole documents; p-values compare the same questions "
        f"in the same resamples and are corrected for {tests} comparisons "
        f"({CORRECTIONS[how.correction]}).",
    ]
    spread = [cell for cell in judged if cell.seeds > 1 and cell.seed_high is not None]
    if spread:
        widest = max(spread, key=lambda cell: (cell.seed_high or 0) - (cell.seed_low or 0))
        said.append(
            "Intervals do not cover the luck of training. Between seeds, "
            f"{experiment.model_label(widest.model)} on {experiment.set_label(widest.test_set)} "
            f"moves most: {number(widest.seed_low, how.metric)} to "
            f"{number(widest.seed_high, how.metric)} over {widest.seeds} seeds."
        )
    elif len(experiment.seeds) == 1:
        said.append("Every model was trained once: luck of training cannot be told from effect.")
    if tests and (1 + tests) / (1 + how.resamples) > 0.05:
        said.append(
            f"{how.resamples:,} resamples are too few for {tests} comparisons to become "
            "significant; raise comparison.resamples."
        )
    return said


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
