"""Quality of a filter: precision, recall and F1 of "related", with confidence intervals over documents.

Each is a ratio of sums over documents. Its standard error is the jackknife's over documents, as questions
about one document are correlated (Davison and Hinkley 1997, section 2.7). Ratios near 0 and 1 need an
asymmetric interval: Wilson's (1927), with the effective number of questions for that error (Korn and
Graubard 1998), and a t quantile by documents instead of the normal one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from papertune.study.settings import QuestionFilter

# weights in numerator and denominator of (true positives, false positives, false and true negatives)
RATIOS = {
    "precision": ((1, 0, 0, 0), (1, 1, 0, 0)),
    "recall": ((1, 0, 0, 0), (1, 0, 1, 0)),
    "f1": ((2, 0, 0, 0), (2, 1, 1, 0)),
    "passed": ((0, 1, 0, 0), (0, 1, 0, 1)),  # share of the unrelated that pass
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A value from 0 to 1 and its interval; None where there are no data for it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    documents: int = 0  # number of documents with data for it


def measured(
    documents: Sequence[str], related: np.ndarray, passes: np.ndarray, confidence: float
) -> dict[str, Measure]:
    """Name → measure, from each question's document, true class and predicted class."""
    place = np.unique(np.array(documents, dtype=str), return_inverse=True)[1]
    kinds = (related & passes, ~related & passes, related & ~passes, ~related & ~passes)
    counts = np.stack([np.bincount(place, weights=kind) for kind in kinds], axis=1)
    return {
        name: ratio(counts @ np.array(above), counts @ np.array(below), confidence)
        for name, (above, below) in RATIOS.items()
    }


def ratio(above: np.ndarray, below: np.ndarray, confidence: float) -> Measure:
    """The ratio of two sums over documents, shape (documents,) each, ``above`` at most ``below``.

    There is no interval with fewer than ten documents.
    """
    from scipy import stats

    above, below = above[below > 0], below[below > 0]
    count, total = len(below), float(below.sum())
    if not count:
        return Measure(None)
    value = float(above.sum()) / total
    if count < QuestionFilter.fewest:
        return Measure(value, documents=count)
    without = (above.sum() - above) / (total - below)
    square = (count - 1) / count * float(((without - without.mean()) ** 2).sum())
    # if no documents differ, each counts as one question
    alike = value * (1 - value) / square if square > 0 and 0 < value < 1 else float(count)
    size = min(alike, total)
    t = float(stats.t.ppf(0.5 + confidence / 2, count - 1))
    middle = (value + t**2 / (2 * size)) / (1 + t**2 / size)
    half = t / (1 + t**2 / size) * np.sqrt(value * (1 - value) / size + t**2 / (4 * size**2))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Measure(value, min(low, value), max(high, value), count)
