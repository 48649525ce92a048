"""Agreement of raters against published values, and intervals with the stated coverage."""

import numpy as np
import pytest
from scipy import stats

from papertune.scores.agreement import krippendorff, spearman

# the data of Krippendorff (2011), four observers of twelve things; 0 is no rating
OBSERVED = """
1 2 3 3 2 1 4 1 2 0 0 0
1 2 3 3 2 2 4 1 2 5 0 3
0 3 3 3 2 3 4 2 2 5 1 0
1 2 3 3 2 4 4 1 2 5 1 0
"""


def test_alpha_of_the_published_example():
    rows = [list(map(int, line.split())) for line in OBSERVED.split("\n") if line]
    units = [[value for value in unit if value] for unit in zip(*rows, strict=True)]
    assert krippendorff(units) == pytest.approx(0.815, abs=5e-4)


def test_alpha_is_1_where_all_agree_and_none_where_nothing_can_be_said():
    assert krippendorff([[1, 1], [5, 5], [3]]) == 1
    assert krippendorff([[1, 5], [5, 1]]) < 0
    for units in ([], [[1], [2]], [[3, 3], [3, 3]]):
        assert krippendorff(units) is None


def test_rank_correlation_is_spearmans_and_its_interval_holds_the_truth():
    draw = np.random.default_rng(3)
    groups = np.repeat(np.arange(8), 6)

    def sample(count: int) -> tuple[np.ndarray, np.ndarray]:
        of_group, own = draw.normal(size=(2, count, 1)), draw.normal(size=(2, count, 6))
        first, other = (0.6 * of_group + 0.8 * own).reshape(2, -1)
        return np.clip(np.round(3 + 1.2 * first), 1, 5), 0.5 * first + 0.75**0.5 * other

    first, second = sample(8)
    value, interval = spearman(first, second, groups, 0.05)
    assert value == pytest.approx(stats.spearmanr(first, second).statistic)
    truth = stats.spearmanr(*sample(20_000)).statistic
    held = 0
    for _ in range(200):
        _, interval = spearman(*sample(8), groups, 0.05)
        held += interval[0] <= truth <= interval[1]
        assert -1 <= interval[0] < interval[1] <= 1
    assert 0.9 <= held / 200 <= 0.995


def test_few_groups_or_equal_values_have_no_interval_or_no_correlation():
    one, other, groups = np.arange(4.0), np.array([1.0, 3, 2, 4]), np.array([0, 0, 1, 1])
    assert spearman(one, other, groups, 0.05) == (pytest.approx(0.8), None)
    assert spearman(one, np.ones(4), groups, 0.05) == (None, None)
    assert spearman(one[:0], one[:0], groups[:0], 0.05) == (None, None)
