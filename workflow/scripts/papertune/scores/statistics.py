"""Bootstrap over documents: resampled values, intervals, p-values and their correction.

Questions about one document are not independent, so documents are resampled, not questions
(cluster bootstrap, Davison and Hinkley 1997, section 3.8). All arithmetic is on sums of a metric's
parts per document (see :mod:`papertune.metrics`), so that means, perplexity and corpus BLEU take
the same way.
"""

import numpy as np

from papertune.metrics import Metric


def bootstrap(
    clusters: np.ndarray, metric: Metric, *, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values of resamples of documents, and the value itself.

    Args:
        clusters: Sums of parts per document, shape (documents, ..., parts).
        seed: Equal seeds and numbers of documents draw the same documents, so that models are
            compared on the same resamples.

    Returns:
        Resampled values of shape (..., resamples) and the value of shape (...). With fewer than
        two documents there is nothing to resample and the first is empty.
    """
    value = metric.of_cell(clusters.sum(axis=0))
    count = len(clusters)
    if count < 2:
        return np.empty((*np.shape(value), 0)), value
    from scipy import stats

    def statistic(rows: np.ndarray, axis: int) -> np.ndarray:
        # rows: (..., documents), -1 is the axis of the documents
        values = metric.of_cell(clusters[rows.astype(np.intp)].sum(axis=np.ndim(rows) - 1))
        return np.moveaxis(values, 0, -1) if np.ndim(rows) > 1 else values

    batch = max(1, 4_000_000 // max(clusters.size, 1))  # about 32 MB at a time
    result = stats.bootstrap(
        (np.arange(count),), statistic, n_resamples=resamples, batch=batch, vectorized=True,
        axis=-1, method="percentile", rng=np.random.default_rng(seed),
    )  # fmt: skip
    return result.bootstrap_distribution, value


def interval(resampled: np.ndarray, confidence: float) -> tuple[float | None, float | None]:
    """Percentile interval of resampled values; (None, None) where there are none."""
    finite = resampled[~np.isnan(resampled)]
    if not finite.size:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def p_value(resampled: np.ndarray, difference: float) -> float | None:
    """Two-sided p of a difference under "there is none", from its bootstrap distribution.

    The distribution, moved to be centred on zero, stands for what chance does; p is the share of
    it at least as far from zero as the difference seen (Efron and Tibshirani 1993, section 16.4).
    1 is added above and below, so that p is never 0 (Davison and Hinkley 1997, section 4.2).
    """
    finite = resampled[~np.isnan(resampled)]
    if not finite.size or np.isnan(difference):
        return None
    # rounding must not decide when all resamples are equal
    slack = 1e-12 * max(1.0, abs(difference))
    extreme = np.count_nonzero(np.abs(finite - difference) >= abs(difference) - slack)
    return float((1 + extreme) / (1 + finite.size))


def correct(p_values: list[float], method: str) -> list[float]:
    """p-values corrected for their number: ``holm`` or ``fdr_bh`` (Benjamini and Hochberg)."""
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method=method)[1]]
