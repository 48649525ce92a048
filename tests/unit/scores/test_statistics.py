"""The estimator of intervals, stars and kept shares, against simulation, SciPy and hand-made values."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from papertune.metrics import METRICS, part_keys
from papertune.scores.statistics import Estimate, Squares, contributions, correct, estimate
from papertune.scores.writers import kept_interval

MODELS, TRIALS = 6, 500


def drawn(rng, runs, documents, *, luck):
    """Differences of models to a baseline, (models, runs, documents), on the same documents.

    Spread .20 between documents, half of it common to models, .10 between a document's runs.
    """
    common, own = (rng.standard_normal((n, 1, documents)) for n in (1, MODELS))
    by_document = 0.2 * (common + own) / np.sqrt(2)
    by_run = luck * rng.standard_normal((MODELS, runs, 1))
    return by_document + by_run + 0.1 * rng.standard_normal((MODELS, runs, documents))


def estimated(trial, runs=()):
    """The estimate of every model of a trial; ``runs`` says how many runs each really has."""
    kept = [y[:n] for y, n in zip(trial, runs or [len(trial[0])] * len(trial), strict=True)]
    squares = [Squares.of(y) for y in kept]
    luck = Squares.pooled(squares)
    return [estimate(float(y.mean()), own, luck) for y, own in zip(kept, squares, strict=True)]


def covered(trials):
    """How often the 95 % interval holds the truth, 0, and some corrected star is false."""
    value, error, freedom = np.array(
        [[(one.value, one.error, one.freedom) for one in of] for of in trials]
    ).T
    p = 2 * stats.t.sf(abs(value / error), freedom)  # (models, trials)
    return (p >= 0.05).mean(), (len(p) * p.min(axis=0) < 0.05).mean()  # Holm begins with the least


def test_95_percent_intervals_hold_the_truth_as_often_as_they_say():
    starred = []
    for runs, documents, luck in product((2, 3, 5), (5, 10, 60, 250), (0.0, 0.03)):
        rng = np.random.default_rng([runs, documents])
        trials = (estimated(drawn(rng, runs, documents, luck=luck)) for _ in range(TRIALS))
        inside, false_stars = covered(trials)
        assert 0.93 <= inside <= 0.97, (runs, documents, luck)
        starred.append(false_stars)
    # of 500 matrices without any difference 5 % are 25 ± 5
    assert np.mean(starred) <= 0.055 and max(starred) <= 0.055 + 3 * 0.01


@pytest.mark.parametrize("documents", [10, 60, 250])
def test_a_model_of_one_run_borrows_the_luck_of_others(documents):
    rng, runs = np.random.default_rng(documents), (1, 1, 3, 3, 3, 3)
    trials = [estimated(drawn(rng, 3, documents, luck=0.03), runs)[:2] for _ in range(TRIALS)]
    assert 0.93 <= covered(trials)[0] <= 0.975


def test_documents_alone_would_be_too_sure_of_several_runs():
    rng = np.random.default_rng(0)
    trials = [
        [estimate(float(y.mean()), Squares.of(y), None) for y in drawn(rng, 2, 250, luck=0.03)]
        for _ in range(200)
    ]
    assert covered(trials)[0] < 0.8


def test_one_run_of_a_baseline_that_was_trained_adds_its_luck():
    rng, trials = np.random.default_rng(7), []
    for _ in range(TRIALS):
        *models, baseline = drawn(rng, 3, 60, luck=0.05)
        luck = Squares.pooled(map(Squares.of, [*models, baseline]))
        changes = [y - baseline.mean(axis=0) for y in models]
        trials.append([estimate(y.mean(), Squares.of(y), luck, baseline_runs=3) for y in changes])
    assert 0.93 <= covered(trials)[0] <= 0.97


def test_a_part_that_is_taken_off_leaves_no_interval_without_end():
    # lengths of one run, which hardly vary, beside two runs of another model that do by chance
    one = estimate(0.6, Squares(1, 16, 0.05), Squares(2, 16, np.nan, 20.0, 19.6))
    assert one.freedom == 1  # as many as the two runs leave; by the formula 0.0005
    low, high = one.interval(0.05)
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 1) * np.sqrt(0.45 / 16))


def test_one_run_is_the_paired_t_test_over_documents():
    y = np.random.default_rng(4).normal(0.12, 0.5, (1, 80))
    one = estimate(float(y.mean()), Squares.of(y), None)
    theirs = stats.ttest_1samp(y[0], 0)
    assert one.p == pytest.approx(theirs.pvalue)
    assert one.interval(0.05) == pytest.approx(tuple(theirs.confidence_interval()))


def test_what_does_not_vary_has_no_interval_and_the_sign_test_decides():
    assert Squares.of(np.zeros((2, 1))).documents == 1
    alone = estimate(0.5, Squares.of(np.full((2, 1), 0.5)), None)
    assert (alone.p, alone.interval(0.05)) == (None, None)
    same = estimate(0.0, Squares.of(np.zeros((2, 12))), None)
    assert (same.p, same.interval(0.05)) == (1.0, None)
    always = estimate(1.0, Squares.of(np.ones((2, 12))), None)
    assert (always.p, always.interval(0.05)) == (2.0**-11, None)


@pytest.mark.parametrize("name", ["similarity", "perplexity", "corpus_bleu"])
def test_contributions_are_documents_own_means_or_their_share_of_the_whole(name):
    """Their mean is the value, their standard error that of a bootstrap over documents."""
    rng, metric = np.random.default_rng(1), METRICS[name]
    shape = (2, 200, len(part_keys(name)) if metric.parts else 2)
    sums = rng.integers(1, 20, shape).astype(float) if metric.parts else rng.random(shape)
    if name == "similarity":
        sums[..., 1] = 1
    elif name == "corpus_bleu":
        sums[..., 0] = sums[..., 1] / 2  # away from where the penalty for short answers begins
        sums[..., 6:10] = sums[..., 2:6] + rng.integers(1, 9, (*shape[:2], 4))
    values, y = contributions(sums, metric)
    assert values == pytest.approx(metric.of_cell(sums.sum(axis=1)))
    assert y.mean(axis=1) == pytest.approx(values, rel=0.01)
    if name == "similarity":
        assert y == pytest.approx(sums[..., 0])
    rows = rng.integers(0, 200, (400, 200))
    resampled = metric.of_cell(sums[0][rows].sum(axis=1))
    assert y[0].std(ddof=1) / np.sqrt(200) == pytest.approx(resampled.std(), rel=0.15)


def test_a_kept_share_is_covered_and_open_ends_are_not_shown():
    rng, hits = np.random.default_rng(3), []
    for _ in range(300):
        own, others = rng.normal(0.4, 0.3, (2, 60)), rng.normal(0.1, 0.3, (2, 60))

        def left(share, own=own, others=others):
            y = others - share * own
            return estimate(float(y.mean()), Squares.of(y), None)

        low, high = kept_interval(left, others.mean() / own.mean(), 0.05)
        hits.append(low <= 0.25 <= high)
    assert 0.92 <= np.mean(hits) <= 0.98
    # a denominator that may be 0: every share is possible
    flat = lambda share: Estimate(0.1, 1 + abs(share), 50.0)  # noqa: E731
    assert kept_interval(flat, 0.0, 0.05) is None


def test_corrections_are_those_by_hand():
    # sorted .01 .02 .04: times 3, 2, 1, and never below the one before
    assert correct([0.04, 0.01, 0.02], "holm") == pytest.approx([0.04, 0.03, 0.04])
    assert correct([0.04, 0.01, 0.02], "fdr_bh") == pytest.approx([0.04, 0.03, 0.03])
    assert correct([], "holm") == []


def test_interval_and_p_say_the_same():
    for value, freedom in ((0.1, 3.0), (0.25, 40.0), (-0.3, 11.5)):
        one = Estimate(value, 0.1, freedom)
        for alpha in (0.5 * one.p, 0.999 * one.p, 1.001 * one.p, min(1.0, 2 * one.p)):
            low, high = one.interval(alpha)
            assert (low <= 0 <= high) == (one.p >= alpha)
