"""The claims that the matrix supports, as data.

A gain is one of *content* if it remains after the answers of both models are cut to the form of the
reference, and the answers also contain the reference, or its numbers, more often. It is one of
*form* if that could not be shown, and stopping, length or format explain it. All other gains are
"not told apart".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from papertune.metrics import Metric, metric_named
from papertune.metrics.form import CONTAINS, IN_FORM, LENGTH, NUMBERS, in_form_name
from papertune.scores.matrix import ONE_RUN, Cell
from papertune.scores.sums import ALL_YEARS
from papertune.scores.writers import Contrast
from papertune.study.design import Design
from papertune.study.experiment import Experiment

Place = tuple[str, str, str]  # model, test set, metric
Kind = Literal["content", "form", "not told apart"]
Verdict = Literal["better", "worse", "mixed", "elsewhere", "not shown"]

FEW = 30  # documents below which the report says that they are few
TELLING = 10  # minimum of documents with a number in the reference for judging numbers
RARE = 0.05  # share of answers below which equal shares of two models prove nothing
FAR_BELOW = 0.5  # of a gain: a smaller gain in content does not explain it
SHORT = 0.5  # length ratio below which answers are too short to compare their content


@dataclass(frozen=True, slots=True)
class Gain:
    """One model on one test set, against its baseline."""

    cell: Cell
    own: bool  # the writer of the questions also wrote the training pairs
    better: bool | None  # True or False (worse) if shown, else None
    kind: Kind | None  # of a gain that is shown
    in_form: Cell | None = None  # the same after cutting to the form of the reference
    contains: Cell | None = None
    numbers: Cell | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What can be claimed of one model."""

    model: str
    baseline: str
    verdict: Verdict
    kind: Kind | None  # of what it gained
    gains: tuple[Gain, ...]  # its own writer's first
    kept: Contrast | None  # what remains on other writers' questions, if known
    documents: int  # of the smallest test set
    this_run_only: bool  # the variance between seeds is unknown, so nothing is claimed

    @property
    def few(self) -> bool:
        """Whether the claim rests on few documents."""
        return self.documents < FEW

    @property
    def own(self) -> tuple[Gain, ...]:
        """Gains on questions by the writer of its training pairs."""
        return tuple(gain for gain in self.gains if gain.own)

    @property
    def others(self) -> tuple[Gain, ...]:
        """Gains on questions by other writers."""
        return tuple(gain for gain in self.gains if not gain.own)

    @property
    def gained(self) -> tuple[Gain, ...]:
        """The gains that are shown and that the verdict is about."""
        shown = tuple(gain for gain in self.gains if gain.better)
        return tuple(gain for gain in shown if gain.own) or shown


def claims_of(
    cells: Iterable[Cell], experiment: Experiment, contrasts: Iterable[Contrast] = ()
) -> list[Claim]:
    """The claim of each model that was compared with a baseline, in order.

    Args:
        cells: The matrix.
        contrasts: The shares of gains kept on other writers' questions.
    """
    found = {(c.model, c.test_set, c.metric): c for c in cells if c.year == ALL_YEARS}
    kept = {one.model: one for one in contrasts if one.kept is not None}
    design, claims = Design.of(experiment), []
    for model in design.baselines:
        own = design.own_sets(model)
        gains = [
            _gain(found, found[place], own=test_set in own)
            for test_set in experiment.usual_sets
            if (place := (model, test_set, experiment.comparison.metric)) in found
            and found[place].difference is not None
        ]
        if gains:
            claims.append(_claim(model, gains, kept.get(model)))
    return claims


def _claim(model: str, gains: list[Gain], kept: Contrast | None) -> Claim:
    better, worse = ([g for g in gains if g.better is shown] for shown in (True, False))
    here = [gain for gain in better if gain.own]
    verdict: Verdict = "not shown"
    if better and worse:
        verdict = "mixed"
    elif worse:
        verdict = "worse"
    elif better:
        asked = any(gain.own for gain in gains)
        verdict = "elsewhere" if asked and not here else "better"
    kinds = {gain.kind for gain in here or better}
    return Claim(
        model, gains[0].cell.baseline, verdict,
        kind=(kinds.pop() if len(kinds) == 1 else "not told apart") if kinds else None,
        gains=tuple(sorted(gains, key=lambda gain: not gain.own)),
        kept=kept if here else None,
        documents=min(gain.cell.documents for gain in gains),
        this_run_only=any(gain.cell.unclaimed == ONE_RUN for gain in gains),
    )  # fmt: skip


def _gain(found: Mapping[Place, Cell], cell: Cell, *, own: bool) -> Gain:
    inside = cell.metric if IN_FORM in cell.metric else in_form_name(cell.metric)
    in_form, contains, numbers, length = (
        found.get((cell.model, cell.test_set, name)) if name else None
        for name in (inside, CONTAINS, NUMBERS, LENGTH)
    )
    before = found.get((cell.baseline, cell.test_set, LENGTH))
    kind = None
    if cell.better():
        grown = None if length is None or before is None else (before.mean, length.mean)
        kind = kind_of(cell, in_form, contains, numbers, grown)
    return Gain(cell, own, cell.better(), kind, in_form, contains, numbers)


def kind_of(
    cell: Cell,
    in_form: Cell | None,
    contains: Cell | None,
    numbers: Cell | None,
    lengths: tuple[float | None, float | None] | None = None,
) -> Kind:
    """The kind of a shown gain.

    Args:
        cell: The gain; the other arguments are for the same model and test set.
        lengths: Length ratios of the answers, of the baseline and the model.
    """
    metric = metric_named(cell.metric)
    if not metric.of_text and cell.metric != "perplexity":
        return "form"  # it measures nothing else
    witnesses = [c for c in (contains, numbers) if c is not None and _tells(c)]
    said = [c.better() for c in witnesses]
    # longer answers resemble a long reference more, which cutting does not change
    before, after = lengths or (None, None)
    grown = before is not None and after is not None and before < SHORT and after > 1.5 * before
    # no metric can contradict: references are too long to be contained, and have no numbers
    unopposed = not witnesses and in_form is not None and not grown
    still = in_form is None if cell.metric == "perplexity" else bool(in_form and in_form.better())
    if still and (any(said) or unopposed) and False not in said:
        return "content"
    # stopping and length do not explain what remains after the cut, unless less is contained
    lost = contains is not None and contains.better() is False
    if any(said) or (still and not lost):
        return "not told apart"
    gain = abs(cell.difference or 0.0)
    if in_form is not None and _less(in_form, cell, metric):
        return "form"
    most = contains.difference_high if contains in witnesses and contains else None
    if most is not None and most < FAR_BELOW * gain / metric.bounds[1]:
        return "form"
    return "not told apart"


def _tells(cell: Cell) -> bool:
    """Whether a share of answers can distinguish two models: not if both are near zero."""
    if cell.mean is None or cell.difference is None or cell.difference_high is None:
        return False
    if cell.metric == NUMBERS:
        return cell.documents >= TELLING
    return max(cell.mean, cell.mean - cell.difference) >= RARE


def _less(in_form: Cell, cell: Cell, metric: Metric) -> bool:
    """Whether a gain is measurably smaller after answers are cut to the form of the reference."""
    most, least = in_form.difference_high, cell.difference_low
    if not metric.higher_is_better:
        most, least = cell.difference_high, in_form.difference_low
    return most is not None and least is not None and most < least
