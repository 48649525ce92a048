"""The estimator: one for every interval, every p and the smallest difference that can be shown.

A cell is made of S runs (seeds) on D documents. y[s, d] is what document d contributes to the value
of run s (:func:`contributions`), or to its difference to a baseline. Questions of a document hang
together, and so do the answers of one run; both vary, and are crossed. With the mean squares of runs,
documents and what is left (MS_run, MS_doc, MS_rest) of this two-way layout without replicates

    SE² = max(MS_doc + MS_run − MS_rest, MS_doc) / (S · D)

and (mean − truth) / SE is compared with a t whose degrees of freedom are Satterthwaite's (1946). Few
runs say little about how much runs vary, so MS_run and MS_rest are averaged over the models of an
experiment, each with the weight of its degrees of freedom; a model of one run borrows them. Miller
(2024, "Adding error bars to evals") has the case of one run, Owen (2007) the bootstrap for two
crossed factors, which is too narrow for few runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from papertune.metrics import Metric

FEW_DOCUMENTS = 10  # below, nothing is claimed: what so few say hangs on the shape of their values


@np.errstate(over="ignore", invalid="ignore")  # a perplexity may have no end
def contributions(sums: np.ndarray, metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """The values of runs, shape (S,), and what each document contributes to them, shape (S, D).

    The contributions are jackknife pseudo-values, D · value − (D − 1) · value without the document
    (Davison and Hinkley 1997, section 2.7.3), so that means, perplexity and corpus BLEU take the
    same way; for a mean of equally many questions they are the documents' own means.

    Args:
        sums: A metric's parts added up per run and document, shape (S, D, parts).
    """
    total = sums.sum(axis=1, keepdims=True)
    value = metric.of_cell(total)  # (S, 1)
    count = sums.shape[1]
    if count < 2:
        return value[:, 0], np.broadcast_to(value, sums.shape[:2])
    return value[:, 0], count * value - (count - 1) * metric.of_cell(total - sums)


@dataclass(frozen=True, slots=True)
class Squares:
    """Mean squares of S runs × D documents; those of runs and of the rest are 0 for one run."""

    runs: int
    documents: int
    document: float
    run: float = 0.0
    rest: float = 0.0

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")
    def of(cls, y: np.ndarray) -> Self:
        """Of contributions of shape (S, D); of fewer than two documents all are nan."""
        runs, documents = y.shape
        if documents < 2:
            return cls(runs, documents, np.nan, np.nan, np.nan)
        mean, by_run, by_document = y.mean(), y.mean(axis=1), y.mean(axis=0)
        document = runs * float(((by_document - mean) ** 2).sum()) / (documents - 1)
        if runs < 2:
            return cls(runs, documents, document)
        rest = y - by_run[:, None] - by_document + mean
        run = documents * float(((by_run - mean) ** 2).sum()) / (runs - 1)
        left = float((rest**2).sum()) / ((runs - 1) * (documents - 1))
        return cls(runs, documents, document, run, left)

    @classmethod
    def pooled(cls, models: Iterable[Self]) -> Self | None:
        """Those of runs and of the rest, over the models that have several runs; None without.

        Its number of runs is one more than the degrees of freedom that they have together. The
        models must have about the same documents.
        """
        several = [one for one in models if one.runs > 1 and np.isfinite(one.run + one.rest)]
        if not several:
            return None
        weights = np.array([one.runs - 1 for one in several])
        run, rest = (
            float(np.average([getattr(one, name) for one in several], weights=weights))
            for name in ("run", "rest")
        )
        documents = round(float(np.mean([one.documents for one in several])))
        return cls(int(weights.sum()) + 1, documents, np.nan, run, rest)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error and degrees of freedom; nan where there is none."""

    value: float
    error: float
    freedom: float

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """Where the truth lies but for a share ``alpha``; None where nothing varied or could."""
        if not self.error > 0:
            return None
        from scipy import stats

        half = float(stats.t.ppf(1 - alpha / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    @property
    def p(self) -> float | None:
        """Two-sided p of "the truth is 0"; None where it cannot be told.

        Where all documents say the same, the sign test decides: each sign could be either.
        """
        if np.isnan(self.error) or np.isnan(self.value):
            return None
        if not self.error > 0:
            return 1.0 if not self.value else float(2.0**-self.freedom)
        from scipy import stats

        return float(2 * stats.t.sf(abs(self.value) / self.error, self.freedom))


@np.errstate(over="ignore", invalid="ignore")
def estimate(
    value: float, own: Squares, luck: Squares | None, *, baseline_runs: int = 0
) -> Estimate:
    """A value, or a difference to a baseline, with its standard error.

    Args:
        own: Mean squares of the contributions.
        luck: Those pooled over models (:meth:`Squares.pooled`); None for what no training made, and
            where no model has several runs: then the error is that of these runs only.
        baseline_runs: Runs of a baseline that was trained, whose luck is in the difference as well.
    """
    count = own.documents
    if count < 2 or not np.isfinite(own.document):
        return Estimate(value, np.nan, np.nan)
    # (factor, mean square, degrees of freedom)
    terms = [(1.0, own.document, count - 1.0)]
    if luck is not None and luck.run > luck.rest:
        shares = 1 + (own.runs / baseline_runs if baseline_runs else 0)
        freedom = luck.runs - 1.0
        terms += [(shares, luck.run, freedom), (-shares, luck.rest, freedom * (luck.documents - 1))]
    parts = np.array([factor * square for factor, square, _ in terms])
    total = float(parts.sum())
    spread = float((parts**2 / np.array([freedom for *_, freedom in terms])).sum())
    fewest = min(freedom for *_, freedom in terms)
    # Satterthwaite's are never fewer than those of a part, but where a part is taken off: then they
    # may come near 0, and a t of so few has no end
    freedom = max(total**2 / spread, fewest) if spread else count - 1.0
    # all documents equal up to rounding: nothing varied
    small = 1e-12 * max(1.0, abs(value))
    error = float(np.sqrt(total / (own.runs * count)))
    return Estimate(value, error if error > small else 0.0, freedom)


def correct(p_values: list[float], method: str) -> list[float]:
    """p-values corrected for their number: ``holm`` or ``fdr_bh`` (Benjamini and Hochberg)."""
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method=method)[1]]
