"""Precision, recall and F1 and their intervals, against simulated data."""

import numpy as np
import pytest

from papertune.filter.measures import measured, ratio


def test_what_is_counted():
    documents = ["a", "a", "b", "b", "c", "c"]
    related = np.array([1, 1, 1, 0, 0, 0], bool)
    passes = np.array([1, 1, 0, 1, 0, 0], bool)
    found = measured(documents, related, passes, 0.95)
    assert found["precision"].value == pytest.approx(2 / 3)
    assert found["recall"].value == pytest.approx(2 / 3)
    assert found["f1"].value == pytest.approx(2 / 3)
    assert found["passed"].value == pytest.approx(1 / 3)
    assert all(one.low is None for one in found.values())  # so few documents say nothing


def test_where_nothing_passes_precision_is_not_defined():
    related = np.array([1, 0] * 12, bool)
    found = measured([str(n) for n in range(24)], related, np.zeros(24, bool), 0.95)
    assert found["precision"].value is None
    assert (found["recall"].value, found["recall"].documents) == (0, 12)
    assert found["recall"].low == pytest.approx(0, abs=1e-12) and 0.1 < found["recall"].high < 0.5


@pytest.mark.parametrize(
    ("documents", "each", "truth", "spread"),
    [(30, 3, 0.9, 0.15), (100, 3, 0.95, 0.1), (60, 5, 0.8, 0.3), (100, 1, 0.97, 0.0)],
)
def test_an_interval_has_the_truth_as_often_as_it_says(documents, each, truth, spread):
    draw, hits, trials = np.random.default_rng(7), 0, 1500
    size = np.full(documents, float(each))
    for _ in range(trials):
        own = np.full(documents, truth)
        if spread:  # a beta of this mean and spread
            strength = truth * (1 - truth) / spread**2 - 1
            own = draw.beta(truth * strength, (1 - truth) * strength, documents)
        found = ratio(draw.binomial(each, own).astype(float), size, 0.95)
        hits += found.low <= truth <= found.high
    assert 0.925 < hits / trials < 0.985


def test_equal_documents_count_as_one_question_each():
    """Else 20 documents of 50 questions each, all right, would seem as sure as 1,000 questions."""
    found = ratio(np.full(20, 50.0), np.full(20, 50.0), 0.95)
    assert (found.value, found.high) == (1, 1) and found.low == pytest.approx(0.82, abs=0.01)
