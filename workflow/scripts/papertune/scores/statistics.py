"""The estimator behind every interval, every p-value and the smallest detectable difference.

A cell has S runs (seeds) on D documents. y[s, d] is the contribution of document d to the value of
run s (:func:`contributions`), or to its difference to a baseline. Questions about a document are
dependent, and so are the answers of one run: both are random and crossed factors. With the mean
squares of runs, documents and residuals (MS_run, MS_doc, MS_rest) of this two-way layout without
replicates

    SE² = max(MS_doc + MS_run − MS_rest, MS_doc) / (S · D)

and (mean − truth) / SE is compared with a t distribution with Satterthwaite's (1946) degrees of
freedom. Few runs give a poor estimate of the variance between runs, so MS_run and MS_rest are
pooled over the models of an experiment, weighted by degrees of freedom; a model with one run
borrows them. Miller (2024, "Adding error bars to evals") covers the case of one run, Owen (2007)
the bootstrap for two crossed factors, which is too narrow for few runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from papertune.metrics import Metric

FEW_DOCUMENTS = 10  # below, nothing is claimed: the result depends on the values' distribution


@np.errstate(over="ignore", invalid="ignore")  # a perplexity may be infinite
def contributions(sums: np.ndarray, metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """The values of runs, shape (S,), and each document's contributions to them, shape (S, D).

    The contributions are jackknife pseudo-values, D · value − (D − 1) · value without the document
    (Davison and Hinkley 1997, section 2.7.3), so that means, perplexity and corpus BLEU are treated
    alike; for a mean with equally many questions per document they are the documents' means.

    Args:
        sums: A metric's parts summed per run and document, shape (S, D, parts).
    """
    total = sums.sum(axis=1, keepdims=True)
    value = metric.of_cell(total)  # (S, 1)
    count = sums.shape[1]
    if count < 2:
        return value[:, 0], np.broadcast_to(value, sums.shape[:2])
    return value[:, 0], count * value - (count - 1) * metric.of_cell(total - sums)


@dataclass(frozen=True, slots=True)
class Squares:
    """Mean squares of S runs × D documents; those of runs and of residuals are 0 for one run."""

    runs: int
    documents: int
    document: float
    run: float = 0.0
    rest: float = 0.0

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")
    def of(cls, y: np.ndarray) -> Self:
        """From contributions of shape (S, D); nan for fewer than two documents."""
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
        """Pool those of runs and residuals over models with several runs; None if there are none.

        The pooled number of runs is one more than the sum of their degrees of freedom. The models
        must have about the same documents.
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
    """A value with its standard error and degrees of freedom; nan if there is none."""

    value: float
    error: float
    freedom: float

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """The confidence interval at level 1 − ``alpha``; None without variance."""
        if not self.error > 0:
            return None
        from scipy import stats

        half = float(stats.t.ppf(1 - alpha / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    @property
    def p(self) -> float | None:
        """Two-sided p-value of "the truth is 0"; None if it cannot be determined.

        If all documents have the same value, the sign test decides.
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
    """Estimate a value, or a difference to a baseline, with its standard error.

    Args:
        own: Mean squares of the contributions.
        luck: Mean squares pooled over models (:meth:`Squares.pooled`); None for untrained models,
            and if no model has several runs: the error is then for these runs only.
        baseline_runs: Runs of a trained baseline, whose seed variance is also in the difference.
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
    # Satterthwaite's degrees of freedom are at least those of each part, unless a part is
    # subtracted: then they may approach 0, where the t distribution is degenerate
    freedom = max(total**2 / spread, fewest) if spread else count - 1.0
    # all documents equal up to rounding: nothing varied
    small = 1e-12 * max(1.0, abs(value))
    error = float(np.sqrt(total / (own.runs * count)))
    return Estimate(value, error if error > small else 0.0, freedom)


def correct(p_values: list[float], method: str) -> list[float]:
    """Correct p-values for multiple testing: ``holm`` or ``fdr_bh`` (Benjamini and Hochberg)."""
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method=method)[1]]
