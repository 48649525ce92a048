"""Power analysis: the smallest difference that a study can show, before and after it is run.

The spread of differences (model − baseline) between documents, questions and seeds gives the
expected mean squares of the estimator in :mod:`.statistics` for a study of any size, and so its
standard error. A difference of (t at 1 − α / 2 + t at the power) × SE is shown with that power
(Miller 2024, section 5); α is divided by the number of comparisons, as in Holm's first step.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from papertune.identity import canonical, digest
from papertune.metrics import metric_named
from papertune.scores.matrix import difference, squares
from papertune.scores.statistics import FEW_DOCUMENTS, Squares, estimate
from papertune.scores.sums import Measured
from papertune.store import Store
from papertune.study import versions
from papertune.study.design import Design

POWER = 0.8
MOST = {"seeds": 64, "documents": 1_000_000, "questions": 64}  # limits of the search


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations of differences to a baseline, over the models of a test set.

    None is what the observed study cannot show: ``seeds``, if each model has one; ``questions``, if
    there is one per document, or the metric is not a mean.
    """

    test_set: str
    metric: str
    documents: float  # between documents' true means, whatever is asked about them
    questions: float | None  # between questions about one document
    seeds: float | None  # between whole runs
    rest: float | None  # of one document between runs


# observed in small studies by similarity; other metrics from 0 to 1 vary about as much
TYPICAL = Spread("", "", documents=0.15, questions=0.2, seeds=0.02, rest=0.10)


def typical(metric: str) -> Spread | None:
    """The assumed spread without observations; None for a metric without an upper limit."""
    of = metric_named(metric)
    scale = of.bounds[1]
    if not math.isfinite(scale):
        return None
    found = {
        name: getattr(TYPICAL, name) * scale for name in ("documents", "questions", "seeds", "rest")
    }
    return Spread("", metric, **found)


def spreads(of_set: Iterable[Measured], design: Design) -> list[Spread]:
    """The spreads in the scores of one test set, per metric; empty for fewer than two documents."""
    found = []
    measured = [one for one in of_set if one.both is not None and one.model in design.trained]
    for metric in dict.fromkeys(one.metric for one in measured):
        same = [one for one in measured if one.metric == metric]
        luck = Squares.pooled(squares(one.own, metric) for one in same)
        rest = luck.rest if luck else 0.0
        between, within = [], []
        for one in same:
            assert one.both is not None
            own = Squares.of(difference(one.both, metric)[1])
            asked = float(one.both.questions.mean()) if len(one.both.questions) else math.nan
            noise = one.both.within
            between.append((own.document - rest) / own.runs - (noise or 0.0) / asked)
            if noise is not None:
                within.append(noise)
        if not np.isfinite(between).all():
            continue
        found.append(
            Spread(
                *(same[0].test_set, metric, _root(float(np.mean(between)))),
                questions=_root(float(np.mean(within))) if within else None,
                seeds=_root((luck.run - luck.rest) / luck.documents) if luck else None,
                rest=_root(rest) if luck else None,
            )
        )
    return found


def remember(store: str | Path, found: Iterable[Spread]) -> None:
    """Keep observed spreads for planning later studies, by metric."""
    for one in found:
        kept, value = _kept(store, one.metric), asdict(one)
        key = digest(canonical(value))
        if key not in kept:
            kept.add({key: value})


def remembered(store: str | Path, metric: str) -> tuple[Spread | None, int]:
    """The median of a metric's observed spreads, and the number of test sets."""
    if not Path(store, "spread").is_dir():
        return None, 0
    kept = _kept(store, metric)
    every = [Spread(**kept.get(key)) for key in kept]
    if not every:
        return None, 0

    def median(name: str) -> float | None:
        known = [value for one in every if (value := getattr(one, name)) is not None]
        return float(np.median(known)) if known else None

    names = ("questions", "seeds", "rest")
    middle = {name: median(name) for name in names}
    return Spread("", metric, median("documents") or 0.0, **middle), len(every)


def _kept(store: str | Path, metric: str) -> Store:
    identity = {"version": versions.COMPARE, "metric": metric}
    return Store(store, "spread", identity, dict[str, str | float | None])


def _root(variance: float) -> float:
    return math.sqrt(max(variance, 0.0))


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a study: ``seeds`` per model, test ``documents``, ``questions`` per document."""

    seeds: int
    documents: int
    questions: int
    models: int  # trained models
    comparisons: int  # models × test sets


def smallest(spread: Spread, size: Size, alpha: float = 0.05) -> float | None:
    """The smallest true difference that is significant in four of five such studies.

    None if nothing can be significant: too few documents, or one seed.
    """
    from scipy import stats

    if size.documents < FEW_DOCUMENTS or size.seeds < 2:
        return None
    of_document = spread.documents**2 + (spread.questions or 0.0) ** 2 / size.questions
    rest, by_seed = (spread.rest or 0.0) ** 2, (spread.seeds or 0.0) ** 2
    runs = size.models * (size.seeds - 1) + 1
    luck = Squares(runs, size.documents, np.nan, rest + size.documents * by_seed, rest)
    own = Squares(size.seeds, size.documents, rest + size.seeds * of_document)
    one = estimate(0.0, own, luck)
    tails = (1 - alpha / size.comparisons / 2, POWER)
    return float(sum(stats.t.ppf(tail, one.freedom) for tail in tails)) * one.error


def needed(spread: Spread, size: Size, wanted: float, alpha: float = 0.05) -> dict[str, int | None]:
    """How many ``seeds``, ``documents`` or ``questions``, with the others fixed, show a difference.

    None if no number does.
    """
    found = {name: _least(spread, size, name, wanted, alpha) for name in MOST}
    return found | ({"questions": None} if spread.questions is None else {})


def together(
    spread: Spread, size: Size, wanted: float, alpha: float = 0.05
) -> list[tuple[int, int]]:
    """Combinations of seeds and documents that show a difference, by rising seeds."""
    pairs = []
    for seeds in range(size.seeds + 1, 17):
        more = _least(spread, replace(size, seeds=seeds), "documents", wanted, alpha)
        if more:
            pairs.append((seeds, more))
    return pairs


def _least(spread: Spread, size: Size, name: str, wanted: float, alpha: float) -> int | None:
    """The smallest sufficient number.

    Not by bisection: with more documents, seed variance dominates, and with few seeds more
    documents are not always better.
    """

    def enough(number: int) -> bool:
        least = smallest(spread, replace(size, **{name: number}), alpha)
        return least is not None and least <= wanted

    before = number = getattr(size, name)
    while not enough(number):
        if number >= MOST[name]:
            return None
        before, number = number, max(number + 1, int(number * 1.1))
    while number - before > 1:
        middle = (before + number) // 2
        before, number = (before, middle) if enough(middle) else (middle, number)
    return number
