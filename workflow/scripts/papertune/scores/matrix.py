"""The matrix: mean scores with intervals, and whether a model beats its baseline."""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from papertune.metrics import metric_named
from papertune.scores.rows import read_rows
from papertune.scores.statistics import (
    FEW_DOCUMENTS,
    Estimate,
    Squares,
    contributions,
    correct,
    estimate,
)
from papertune.scores.sums import ALL_YEARS, Measured, Sums
from papertune.study.design import Design

ONE_RUN, FEW, ENDLESS = "one run", "few documents", "infinite"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the matrix; ``None`` means that a number is not defined.

    ``mean`` is over seeds; ``low`` and ``high`` are its interval over seeds and documents, None if
    all documents have the same value. ``seed_low`` and ``seed_high`` are the lowest and highest
    value of a single seed. ``seed_sd`` is the standard deviation between seeds beyond what
    documents explain; ``pooled_sd`` is the same pooled over all models, and used for intervals.

    ``difference`` is the difference to ``baseline`` on the same questions. ``year`` is a year or
    ``all``; only ``all`` is tested. ``p_corrected`` is corrected over the metric's matrix, models
    × test sets, and the difference's interval is widened accordingly: it excludes 0 exactly if
    ``verdict`` is ``better`` or ``worse``. ``unclaimed`` says why nothing is tested: ``few
    documents``; ``one run`` if no model has several, so that seed variance is unknown; or
    ``infinite``, as is the perplexity of a text to which a model assigns probability 0.

    For metrics of meaning, over all years: ``unread`` is the number of answers of all seeds that
    the embedder could not read, or not their references; ``chance`` is the mean between references
    of different documents, ``chance_sd`` its standard deviation over questions.
    """

    model: str
    test_set: str
    metric: str
    year: str
    mean: float | None
    low: float | None
    high: float | None
    questions: int
    documents: int
    seeds: int
    seed_low: float | None
    seed_high: float | None
    seed_sd: float | None = None
    pooled_sd: float | None = None
    baseline: str = ""
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    p_corrected: float | None = None
    verdict: str = ""
    unclaimed: str = ""
    unread: int = 0
    chance: float | None = None
    chance_sd: float | None = None

    def better(self) -> bool | None:
        """True if better than the baseline after correction, False if worse, None if neither."""
        return {"better": True, "worse": False}.get(self.verdict)


def make_matrix(found: Iterable[list[Measured]], design: Design) -> list[Cell]:
    """Make the matrix of an experiment from the results of :func:`measured`."""
    cells: list[Cell] = []
    tested: dict[int, Estimate] = {}
    for of_set in found:
        for name in dict.fromkeys(one.metric for one in of_set):
            same = [one for one in of_set if one.metric == name]
            years = np.unique(np.concatenate([one.own.years for one in same]))
            for year in [ALL_YEARS, *map(str, years)]:
                luck = Squares.pooled(
                    squares(one.own.of_year(year), name)
                    for one in same
                    if one.model in design.trained
                )
                for one in same:
                    cell, difference = _cell(one, year, luck, design)
                    if difference is not None:
                        tested[len(cells)] = difference
                    cells.append(cell)
    alpha = design.alpha
    for metric in dict.fromkeys(cell.metric for cell in cells):  # corrected within each metric
        mine = [place for place in tested if cells[place].metric == metric]
        p_values = [tested[place].p or 0.0 for place in mine]
        corrected = correct(p_values, design.comparison.correction)
        for place, p, after in zip(mine, p_values, corrected, strict=True):
            # p is below alpha / factor exactly if the corrected p is below alpha
            factor = after / p if p else len(mine)
            cells[place] = dataclasses.replace(
                cells[place],
                **limits(tested[place].interval(alpha / factor), "difference_", _changes(metric)),
                p=p,
                p_corrected=after,
                verdict=_verdict(tested[place].value, metric) if after < alpha else "",
            )
    sets, models = (
        {name: place for place, name in enumerate(dict.fromkeys(getattr(c, of) for c in cells))}
        for of in ("test_set", "model")
    )
    return sorted(cells, key=lambda cell: (sets[cell.test_set], models[cell.model]))


def limits(
    interval: tuple[float, float] | None,
    prefix: str = "",
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> dict[str, Any]:
    """An interval as fields, clipped to ``bounds``; empty if there is none."""
    low, high = np.clip(interval, *bounds).tolist() if interval else (None, None)
    return {f"{prefix}low": low, f"{prefix}high": high}


def _changes(metric: str) -> tuple[float, float]:
    """The limits of differences of a metric."""
    low, high = metric_named(metric).bounds
    return low - high, high - low


def _verdict(difference: float, metric: str) -> str:
    wish = metric_named(metric).higher_is_better
    return "" if wish is None else "better" if (difference > 0) == wish else "worse"


def squares(sums: Sums, metric: str) -> Squares:
    """The mean squares of a model's own values."""
    if not len(sums.ids):
        return Squares(len(sums.mine), 0, np.nan, np.nan, np.nan)
    return Squares.of(contributions(sums.mine, metric_named(metric))[1])


@np.errstate(invalid="ignore")
def difference(sums: Sums, metric: str) -> tuple[float, np.ndarray]:
    """A model's value minus its baseline's, both over their runs, and the contributions to it.

    The contributions have the shape (runs, documents).
    """
    of = metric_named(metric)
    (mine, own), (theirs, base) = (contributions(s, of) for s in (sums.mine, _theirs(sums)))
    return float(mine.mean() - theirs.mean()), own - base.mean(axis=0)


def _theirs(sums: Sums) -> np.ndarray:
    assert sums.theirs is not None
    return sums.theirs


def unclaimed(value: float, documents: int, trained: bool, luck: Squares | None) -> str:
    """Why nothing may be claimed of a value; empty if something may."""
    if math.isinf(value):
        return ENDLESS
    if documents < FEW_DOCUMENTS:
        return FEW
    return ONE_RUN if trained and luck is None else ""


def _cell(
    one: Measured, year: str, luck: Squares | None, design: Design
) -> tuple[Cell, Estimate | None]:
    """A cell, and the estimate of its difference if that is to be tested."""
    sums, metric = one.own.of_year(year), metric_named(one.metric)
    where: dict[str, Any] = {
        "model": one.model,
        "test_set": one.test_set,
        "metric": one.metric,
        "year": year,
        **(one.readings if year == ALL_YEARS else {}),
    }
    runs = len(sums.mine)
    nothing: dict[str, Any] = dict.fromkeys(("mean", "low", "high", "seed_low", "seed_high"))
    if not len(sums.ids):
        return Cell(**where, **nothing, questions=0, documents=0, seeds=runs), None
    alpha = design.alpha
    trained = one.model in design.trained
    values, y = contributions(sums.mine, metric)
    own = Squares.of(y)
    level = estimate(float(values.mean()), own, luck if trained else None)
    if math.isnan(level.value):
        return Cell(**where, **nothing, questions=0, documents=0, seeds=runs), None
    spread = level.interval(alpha)
    numbers: dict[str, Any] = {
        "mean": level.value,
        **limits(spread, bounds=metric.bounds),
        **{"seed_low": float(values.min()), "seed_high": float(values.max())},
        "seed_sd": _sd(own) if runs > 1 else None,
        "pooled_sd": _sd(luck) if trained and luck else None,
        **{"questions": int(sums.questions.sum()), "documents": len(sums.ids), "seeds": runs},
        "unclaimed": unclaimed(level.value, len(sums.ids), trained, luck),
    }
    baseline = design.baselines.get(one.model, "")
    both = one.both.of_year(year) if one.both else None
    if both is None or not len(both.ids):
        return Cell(**where, **numbers), None
    value, y = difference(both, one.metric)
    if math.isnan(value):
        return Cell(**where, **numbers), None
    its_runs = len(_theirs(both)) if baseline in design.trained else 0
    lucky = luck if trained or its_runs else None
    change = estimate(value, Squares.of(y), lucky, baseline_runs=its_runs)
    numbers |= {"baseline": baseline, "difference": value}
    numbers |= limits(change.interval(alpha), "difference_", _changes(one.metric))
    numbers["unclaimed"] = unclaimed(value, len(both.ids), trained or bool(its_runs), luck)
    # years are shown, not tested: more tests would reduce power; lengths are neither good nor bad
    testable = year == ALL_YEARS and not numbers["unclaimed"] and change.p is not None
    testable = testable and metric.higher_is_better is not None
    return Cell(**where, **numbers), change if testable else None


def _sd(squares: Squares) -> float | None:
    """The standard deviation between runs beyond what their documents explain."""
    part = (squares.run - squares.rest) / squares.documents if squares.documents else math.nan
    return math.sqrt(max(part, 0.0)) if math.isfinite(part) else None


def read_matrix(path: str | Path) -> list[Cell]:
    """The cells of ``matrix.csv``."""
    return read_rows(path, Cell)


def find_cell(cells: list[Cell], **which: str) -> Cell | None:
    """The first cell whose fields are as given, over all years unless a year is given."""
    wanted = {"year": ALL_YEARS, **which}.items()
    return next((c for c in cells if all(getattr(c, key) == v for key, v in wanted)), None)
