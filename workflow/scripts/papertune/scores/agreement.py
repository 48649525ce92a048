"""Agreement of raters with each other, and with metrics."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate, permutations

import numpy as np

from papertune.scores.statistics import Estimate

NEAR = 0.999  # limit on correlations before Fisher's transform, which is infinite at 1
FEWEST = 3  # minimum of groups for an interval


def krippendorff(units: Iterable[Sequence[int]]) -> float | None:
    """Krippendorff's alpha of ordinal ratings: 1 is full agreement, 0 agreement by chance.

    Krippendorff (2011, "Computing Krippendorff's Alpha-Reliability", ordinal metric): 1 − D_o /
    D_e, from observed and expected disagreement over pairs of ratings of one unit, weighted by 1 /
    (the unit's ratings − 1). The difference of two ratings is the square of the number of all
    ratings from one to the other, those at the ends by half. Units with a single rating do not
    count.

    Args:
        units: The ratings of each unit.

    Returns:
        None if no unit has two ratings, or all ratings are equal.
    """
    pairs: dict[tuple[int, int], float] = defaultdict(float)
    for ratings in units:
        for pair in permutations(ratings, 2):
            pairs[pair] += 1 / (len(ratings) - 1)
    values = sorted({one for one, _ in pairs})
    counts = {one: sum(n for pair, n in pairs.items() if pair[0] == one) for one in values}
    total = sum(counts.values())
    # the middle rank of each value's ratings
    ends = accumulate(counts.values())
    middle = {one: end - counts[one] / 2 for one, end in zip(values, ends, strict=True)}

    def apart(one: int, other: int) -> float:
        return (middle[one] - middle[other]) ** 2

    observed = sum(n * apart(*pair) for pair, n in pairs.items())
    expected = sum(counts[a] * counts[b] * apart(a, b) for a in values for b in values)
    return 1 - (total - 1) * observed / expected if expected else None


def spearman(
    first: np.ndarray, second: np.ndarray, groups: np.ndarray, alpha: float
) -> tuple[float | None, tuple[float, float] | None]:
    """Spearman's rank correlation, with an interval for independent groups of dependent values.

    The interval is that of the jackknife over groups on Fisher's scale, by the t distribution with
    (groups − 1) degrees of freedom (Davison and Hinkley 1997, section 2.7.3). In simulations with
    normal values, one variable in ranks 1 to 5, and 30 to 60 % of the variance shared within 3 to
    20 groups of six, it covered the truth in 94 to 98 % of 400 samples each; the interval of Bonett
    and Wright (2000) over single values in 79 to 96 %, the bootstrap over groups in 77 to 93 %.

    Args:
        groups: The group of each value; same shape as the values.

    Returns:
        None if a side has only one distinct value; no interval for fewer than three groups.
    """
    whole = _spearman(first, second)
    names = np.unique(groups)
    if whole is None or len(names) < FEWEST:
        return whole, None
    without = [_spearman(first[groups != name], second[groups != name]) for name in names]
    if None in without:
        return whole, None
    count = len(names)
    one, others = (
        np.arctanh(np.clip(np.array(values, dtype=float), -NEAR, NEAR))
        for values in (whole, without)
    )
    pseudo = count * one - (count - 1) * others
    error = float(pseudo.std(ddof=1) / np.sqrt(count))
    interval = Estimate(float(one), error, count - 1.0).interval(alpha)
    return whole, interval and (float(np.tanh(interval[0])), float(np.tanh(interval[1])))


def _spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    from scipy import stats

    ranks = stats.rankdata(first), stats.rankdata(second)
    if len(first) < 2 or min(map(np.ptp, ranks)) == 0:
        return None
    return float(np.corrcoef(*ranks)[0, 1])
