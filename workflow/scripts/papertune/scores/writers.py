"""Own writer and other writers: how much of a gain remains on other writers' questions.

A model's gain is its difference to its baseline. Question writers are two or three fixed levels,
not a sample, so that the advantage on the own writer's questions is a contrast within documents:
(gain on them) − (gain on the others'), with the estimator of :mod:`.statistics`.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from papertune.scores.matrix import Cell, difference, limits, unclaimed
from papertune.scores.statistics import Estimate, Squares, estimate
from papertune.scores.sums import ALL_YEARS, Measured
from papertune.study.design import Design


@dataclass(frozen=True, slots=True)
class Contrast:
    """A trained model's gains by the comparison's metric on documents that all writers asked about.

    ``own`` is the gain on questions by the writers of its training pairs (the mean over several),
    ``others`` that on other writers' questions, ``advantage`` own − others, ``kept`` others / own.
    ``kept`` is None if the own gain does not differ clearly from 0. The intervals of ``own`` and
    ``others`` are corrected as in the matrix, the other two are not corrected.
    """

    model: str
    writers: str  # of the training pairs, joined by +
    documents: int
    seeds: int
    own: float | None = None
    own_low: float | None = None
    own_high: float | None = None
    others: float | None = None
    others_low: float | None = None
    others_high: float | None = None
    advantage: float | None = None
    advantage_low: float | None = None
    advantage_high: float | None = None
    kept: float | None = None
    kept_low: float | None = None
    kept_high: float | None = None
    unclaimed: str = ""  # as of a cell


@dataclass(frozen=True, slots=True)
class _Gains:
    """Contributions to a model's gains on the same documents, shape (runs, documents)."""

    own: np.ndarray
    others: np.ndarray
    value: tuple[float, float]  # the gains
    baseline_runs: int  # of a trained baseline

    @np.errstate(invalid="ignore")  # a gain may be infinite
    def mixed(self, a: float, b: float) -> tuple[float, np.ndarray]:
        """a · own + b · others, and its contributions."""
        own, others = self.value
        return a * own + b * others, a * self.own + b * self.others


def contrasts(judged: Iterable[Measured], cells: Sequence[Cell], design: Design) -> list[Contrast]:
    """The contrast of every trained model with a baseline, and own and other writers' questions.

    Args:
        judged: Measurements by the comparison's metric, of all test sets.
        cells: The matrix, whose corrections are used.
    """
    by_model: dict[str, dict[str, Measured]] = defaultdict(dict)
    for one in judged:
        if one.both is not None and one.model in design.trained and one.test_set in design.sets:
            by_model[one.model][one.test_set] = one
    gains: dict[str, _Gains] = {}
    found: dict[str, Contrast] = {}
    for model, by_set in by_model.items():
        mine = design.own_sets(model)
        own = [name for name in by_set if name in mine]
        others = [name for name in by_set if name not in mine]
        if own and others:
            runs = len(next(iter(by_set.values())).own.mine)
            common = set.intersection(*({*one.both.ids} for one in by_set.values() if one.both))
            writers = "+".join(design.writers[model])
            found[model] = Contrast(model, writers, len(common), runs)
            if common:
                gains[model] = _gains(by_set, own, others, sorted(common), design)

    def estimated(model: str, a: float, b: float) -> Estimate:
        """The estimate of a · own + b · others."""
        luck = Squares.pooled(Squares.of(one.mixed(a, b)[1]) for one in gains.values())
        value, y = gains[model].mixed(a, b)
        return estimate(value, Squares.of(y), luck, baseline_runs=gains[model].baseline_runs)

    for model in gains:
        found[model] = _contrast(found[model], partial(estimated, model), gains, cells, design)
    return [*found.values()]


def _gains(
    by_set: dict[str, Measured],
    own: list[str],
    others: list[str],
    common: list[str],
    design: Design,
) -> _Gains:
    sides = []
    for names in (own, others):
        values, parts = [], []
        for name in names:
            one = by_set[name]
            assert one.both is not None
            places = {document: row for row, document in enumerate(one.both.ids)}
            both = one.both.about(np.array([places[document] for document in common]))
            value, y = difference(both, one.metric)
            values.append(value)
            parts.append(y)
        sides.append((float(np.mean(values)), np.mean(parts, axis=0)))
    (gain, y_own), (gain_others, y_others) = sides
    baseline = design.baselines[one.model]
    theirs = one.both.theirs if one.both is not None else None
    runs = len(theirs) if theirs is not None and baseline in design.trained else 0
    return _Gains(y_own, y_others, (gain, gain_others), runs)


def _contrast(
    found: Contrast,
    estimated: Callable[[float, float], Estimate],
    gains: dict[str, _Gains],
    cells: Sequence[Cell],
    design: Design,
) -> Contrast:
    alpha, model = design.alpha, found.model
    luck = Squares.pooled(Squares.of(one.own) for one in gains.values())
    worst = sum(map(abs, gains[model].value))
    why = unclaimed(worst, found.documents, trained=True, luck=luck)
    judged = [
        c
        for c in cells
        if (c.model, c.metric, c.year) == (model, design.comparison.metric, ALL_YEARS)
        and c.test_set in design.sets
    ]
    numbers: dict[str, Any] = {}
    for name, mix in (("own", (1.0, 0.0)), ("others", (0.0, 1.0)), ("advantage", (1.0, -1.0))):
        its = [c for c in judged if (c.test_set in design.own_sets(model)) == (name == "own")]
        factors = [c.p_corrected / c.p for c in its if c.p and c.p_corrected is not None]
        factor = 1.0 if name == "advantage" else max(factors, default=1.0)
        one = estimated(*mix)
        numbers |= {
            name: None if np.isnan(one.value) else one.value,
            **limits(one.interval(alpha / factor), f"{name}_"),
        }
    low, high = numbers["own_low"], numbers["own_high"]
    if not why and low is not None and high is not None and low * high > 0:
        kept = (numbers["others"] or 0.0) / (numbers["own"] or 1.0)
        interval = kept_interval(lambda share: estimated(-share, 1.0), kept, alpha)
        if interval:
            numbers |= {"kept": kept, **limits(interval, "kept_")}
    return dataclasses.replace(found, **numbers, unclaimed=why)


def kept_interval(
    left: Callable[[float], Estimate], kept: float, alpha: float
) -> tuple[float, float] | None:
    """The shares for which "others − share · own = 0" is not rejected (Fieller 1954).

    Args:
        left: The estimate of others − share · own for a share.
        kept: The share at which that is 0.

    Returns:
        The ends of that interval; None if it is unbounded, or without variance.
    """
    from scipy import optimize

    def outside(share: float) -> float:
        """Positive if the share is rejected."""
        interval = left(share).interval(alpha)
        return -1.0 if interval is None else max(interval[0], -interval[1])

    if left(kept).interval(alpha) is None:
        return None
    ends = []
    for sign in (-1, 1):
        step = 0.01
        while outside(kept + sign * step) < 0:
            step *= 2
            if step > 1000:
                return None
        ends.append(float(optimize.brentq(outside, kept, kept + sign * step)))
    return ends[0], ends[1]
