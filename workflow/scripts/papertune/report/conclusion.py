"""What the matrix says, in plain words and no more than it says."""

from collections.abc import Mapping
from dataclasses import dataclass

from papertune.metrics import metric_named
from papertune.report.tables import number, p_text
from papertune.scores.matrix import Cell
from papertune.scores.sums import ALL_YEARS
from papertune.study.experiment import Experiment

CORRECTIONS = {"holm": "Holm", "fdr_bh": "Benjamini and Hochberg"}

# (model, test set) → its cell of the comparison's metric
Judged = Mapping[tuple[str, str], Cell]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A headline, the findings behind it, and what they do not show."""

    headline: str
    findings: list[str]
    caveats: list[str]


def conclude(cells: list[Cell], experiment: Experiment) -> Conclusion:
    """Which models beat the baseline, on which test set, and whether a change of writer matters."""
    which = (experiment.comparison.metric, ALL_YEARS)
    judged = {(c.model, c.test_set): c for c in cells if (c.metric, c.year) == which}
    wanted = [(m, name) for m in experiment.trained for name in experiment.test_set_names]
    findings = [_finding(judged[key], experiment) for key in wanted if key in judged]
    caveats = _caveats([*judged.values()], experiment)
    return Conclusion(_headline(judged, experiment), findings, caveats)


def _headline(judged: Judged, experiment: Experiment) -> str:
    trained, sets = experiment.trained, experiment.test_set_names
    if not experiment.baseline or not trained:
        return "Nothing to compare: the experiment has no baseline, or no model beside it."
    better = {key for key, cell in judged.items() if cell.better()}

    def names(models: list[str]) -> str:
        return _and([experiment.model_label(model) for model in models])

    gained = [m for m in trained if (m, experiment.dataset_of(m)) in better]
    if not gained:
        elsewhere = [m for m in trained if any((m, name) in better for name in sets)]
        if elsewhere:
            return (
                f"Not where it was trained to: {names(elsewhere)} gained, but only on questions "
                "by another writer than that of the training pairs."
            )
        return (
            "No gain could be shown: no fine-tuned model is measurably better than "
            f"{names([experiment.baseline])} on questions by "
            f"{_and([experiment.set_label(name) for name in sets])}."
        )
    others = {m: [name for name in sets if name != experiment.dataset_of(m)] for m in gained}
    answers = "answers" if len(gained) == 1 else "answer"
    yes = f"Yes: {names(gained)} {answers} better than {names([experiment.baseline])}"
    if not any(others.values()):
        return f"{yes}. Whether the gain survives a change of question writer was not asked."
    kept = [m for m in gained if others[m] and all((m, name) in better for name in others[m])]
    if not kept:
        return (
            f"{yes} on questions by the writer of the training pairs. That the gain survives a "
            "change of question writer could not be shown."
        )
    # how much of the gain is left, at least: surviving says nothing about size
    shrunk = []
    for model in kept:
        writers = (experiment.dataset_of(model), *others[model])
        own, *gains = (judged[model, writer].difference or 0.0 for writer in writers)
        before, after = (_signed(gain, experiment) for gain in (own, min(gains, key=abs)))
        shrunk.append(f"{before} becomes {after}")
    left = ", ".join(shrunk)
    if kept == gained:
        return f"{yes}, and the gain survives a change of question writer ({left})."
    return (
        f"{yes}. The gain of {names(kept)} survives a change of question writer ({left}); "
        f"for {names([m for m in gained if m not in kept])} that could not be shown."
    )


def _signed(change: float | None, experiment: Experiment) -> str:
    return number(change, experiment.comparison.metric, signed=True)


def _finding(cell: Cell, experiment: Experiment) -> str:
    said = (
        f"{experiment.model_label(cell.model)}, questions by {experiment.set_label(cell.test_set)}, "
        f"which {'wrote' if cell.test_set == experiment.dataset_of(cell.model) else 'did not write'} "
        f"its training pairs: {number(cell.mean, cell.metric)}"
    )
    if cell.difference is None or cell.p_corrected is None:
        return f"{said}; no comparison was possible."
    numbers = (cell.difference, cell.difference_low, cell.difference_high)
    change, low, high = (_signed(value, experiment) for value in numbers)
    verdict = {True: "better", False: "worse", None: "no measurable difference"}[cell.better()]
    return (
        f"{said}, {change} [{low}, {high}] against {experiment.model_label(experiment.baseline)}, "
        f"corrected p {p_text(cell.p_corrected, '= ')}: {verdict}."
    )


def _caveats(judged: list[Cell], experiment: Experiment) -> list[str]:
    how, metric = experiment.comparison, metric_named(experiment.comparison.metric)
    tests = sum(cell.p is not None for cell in judged)
    said = [
        f"Judged by {metric.label.lower()} ({metric.unit}). Intervals are {how.confidence:.0%}, over "
        "seeds and documents; differences are on the same questions, and their p-values and intervals "
        f"are corrected for {tests} comparisons ({CORRECTIONS[how.correction]}).",
    ]
    spread = [cell for cell in judged if cell.seeds > 1 and cell.seed_high is not None]
    if spread:
        widest = max(spread, key=lambda cell: (cell.seed_high or 0) - (cell.seed_low or 0))
        said.append(
            "Between seeds, "
            f"{experiment.model_label(widest.model)} on {experiment.set_label(widest.test_set)} "
            f"moves most: {number(widest.seed_low, how.metric)} to "
            f"{number(widest.seed_high, how.metric)} over {widest.seeds} seeds."
        )
    elif len(experiment.seeds) == 1:
        said.append("Every model was trained once: luck of training cannot be told from effect.")
    return said


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
