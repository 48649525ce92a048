"""Intervals, p-values and the matrix, against simulation, SciPy and values made by hand."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from papertune.errors import EvaluationError
from papertune.metrics import METRICS, part_keys
from papertune.records import Score, write_records
from papertune.scores.matrix import Cell, compare, read_matrix
from papertune.scores.statistics import bootstrap, correct, interval, p_value
from papertune.study.settings import Comparison

MEAN = METRICS["similarity"]


def counted(values):
    """Sums of (value, 1) per row; of a flat array, every value is a row."""
    rows = values.reshape(len(values), -1)
    return np.stack([rows.sum(axis=1), np.full(len(rows), float(rows.shape[1]))], axis=1)


def clustered(rng, effect=0.0, *, alone=False):
    """Sums per document: questions of a document share a part of their value."""
    values = rng.normal(effect, 0.3, size=(40, 1)) + rng.normal(0, 0.2, size=(40, 3))
    return counted(values.ravel() if alone else values)


# why documents are resampled, not every question on its own
@pytest.mark.parametrize(("alone", "least", "most"), [(False, 0.90, 0.985), (True, 0, 0.88)])
def test_interval_of_documents_covers_the_truth_as_often_as_it_says(alone, least, most):
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(300):
        sums = clustered(rng, effect=0.5, alone=alone)
        low, high = interval(bootstrap(sums, MEAN, resamples=300, seed=trial)[0], 0.95)
        hits += low <= 0.5 <= high
    assert least <= hits / 300 <= most


def test_p_is_about_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(1)
    drawn = [bootstrap(clustered(rng), MEAN, resamples=299, seed=trial) for trial in range(400)]
    values = np.array([p_value(resampled, float(value)) for resampled, value in drawn])
    assert 0.02 <= (values < 0.05).mean() <= 0.09
    assert 0.42 <= (values < 0.5).mean() <= 0.58


def test_p_agrees_with_the_paired_t_test_and_never_is_zero():
    sums = clustered(np.random.default_rng(2), effect=0.5)
    resampled, value = bootstrap(sums, MEAN, resamples=999, seed=1)
    assert p_value(resampled, float(value)) == 1 / 1000
    differences = np.random.default_rng(4).normal(0.12, 0.5, 80)
    resampled, value = bootstrap(counted(differences), MEAN, resamples=5000, seed=1)
    theirs = stats.ttest_1samp(differences, 0).pvalue
    assert p_value(resampled, float(value)) == pytest.approx(theirs, abs=0.02)


def test_one_document_has_no_interval_and_equal_scores_no_width_and_holm_is_by_hand():
    resampled, value = bootstrap(np.array([[2.0, 4.0]]), MEAN, resamples=100, seed=1)
    assert (value, interval(resampled, 0.95), p_value(resampled, 0.5)) == (0.5, (None, None), None)
    equal, value = bootstrap(np.array([[0.0, 2.0]] * 5), MEAN, resamples=100, seed=1)
    assert interval(equal, 0.95) == (0, 0) and p_value(equal, float(value)) == 1
    # sorted .01 .02 .04: times 3, 2, 1, and never below the one before
    assert correct([0.04, 0.01, 0.02], "holm") == pytest.approx([0.04, 0.03, 0.04])
    assert correct([0.04, 0.01, 0.02], "fdr_bh") == pytest.approx([0.04, 0.03, 0.03])
    assert correct([], "holm") == []


def write_scores(folder, model, seed, test_set, value, *, only=None, missing=()):
    """Two questions per document, years 2022 and 2023 by turns; ``value(document, question)``."""

    def records():
        for document, question in product(range(20), range(2)):
            pair, score = f"{test_set}-{document}-{question}", value(document, question)
            values = {"similarity": None if pair in missing else score}
            values |= dict(zip(part_keys("perplexity"), (score * 10, 5.0), strict=True))
            if only is None or pair in only:
                yield Score(pair, f"d{document}", 2022 + document % 2, values)

    path = folder / model / f"seed-{seed}" / f"{test_set}.jsonl"
    write_records(path, records())
    return path


def compared(files, folder, baseline="baseline", **how):
    """(model, test set, metric, year) → cell."""
    told = {"metrics": ["similarity", "perplexity"], "baseline": baseline}
    comparison = Comparison(**{"resamples": 100, **how})
    cells = compare(files, folder / "matrix.csv", comparison=comparison, **told)
    return {(c.model, c.test_set, c.metric, c.year): c for c in cells}


def make(folder, **how):
    """A baseline at 0.2 and two seeds of a model, at 0.6 and 0.7 where it gains: cells and noise."""
    noise = np.random.default_rng(5).normal(0, 0.05, size=(3, 20, 2))
    files = {}
    for test_set, gains in (("own", (0.0, 0.4, 0.5)), ("other", (0.0, 0.0, 0.0))):
        for seed, gain in enumerate(gains):
            key = ("full" if seed else "baseline", seed, test_set)
            value = lambda d, q, s=seed, g=gain: 0.2 + g + noise[s, d, q]  # noqa: E731
            files[key] = write_scores(folder, *key, value)
    return compared(files, folder, **{"resamples": 500, **how}), noise


@pytest.fixture
def matrix(tmp_path):
    return make(tmp_path)


def test_means_are_over_questions_and_seeds_and_of_years_and_perplexity_right(matrix):
    cells, noise = matrix
    cell = cells["full", "own", "similarity", "all"]
    expected = 0.2 + 0.4 + 0.05 + noise[1:].mean()
    assert cell.mean == pytest.approx(expected)
    assert cell.low < cell.mean < cell.high
    assert (cell.questions, cell.documents, cell.seeds) == (40, 20, 2)
    assert cell.seed_low == pytest.approx(0.6 + noise[1].mean())
    assert cell.seed_high == pytest.approx(0.7 + noise[2].mean())

    year = cells["full", "own", "similarity", "2023"]
    assert year.mean == pytest.approx(0.65 + noise[1:, 1::2].mean())
    assert (year.questions, year.p) == (20, None)
    total = 10 * (0.2 + noise[0]).sum() / (5 * 40)
    assert cells["baseline", "own", "perplexity", "all"].mean == pytest.approx(math.exp(total))


def test_a_true_gain_is_found_and_no_gain_is_not(matrix):
    cells, _ = matrix
    own, other = (cells["full", name, "similarity", "all"] for name in ("own", "other"))
    assert own.p == pytest.approx(1 / 501)
    assert own.p_corrected == pytest.approx(2 / 501)  # a matrix of one model × two test sets
    assert own.difference_low < own.difference < own.difference_high
    assert own.better() is True
    assert other.better() is None
    assert cells["full", "own", "perplexity", "all"].better() is False  # higher is worse there
    assert cells["baseline", "own", "similarity", "all"].p is None


def test_the_file_comes_back_and_is_the_same_again(matrix, tmp_path):
    cells, _ = matrix
    again = read_matrix(tmp_path / "matrix.csv")
    assert [c.model for c in again] == [c.model for c in cells.values()]
    assert again[0].mean == pytest.approx(next(iter(cells.values())).mean)
    assert isinstance(again[0], Cell) and again[0].p is None
    before = (tmp_path / "matrix.csv").read_bytes()
    make(tmp_path)
    assert (tmp_path / "matrix.csv").read_bytes() == before
    make(tmp_path, seed=2)
    assert (tmp_path / "matrix.csv").read_bytes() != before


def test_missing_values_are_left_out_of_both_sides_and_none_at_all_gives_an_empty_cell(tmp_path):
    every = {f"own-{d}-{q}" for d in range(20) for q in range(2)}
    given = {"baseline": (0, {"own-0-1"}), "full": (0.5, ()), "mute": (0, every)}
    cells = compared({
        (model, 0, "own"): write_scores(
            tmp_path, model, 0, "own", lambda d, q, more=more: q + more, missing=missing
        )
        for model, (more, missing) in given.items()
    }, tmp_path)  # fmt: skip
    baseline, full, empty = (cells[model, "own", "similarity", "all"] for model in given)
    assert (baseline.questions, full.questions) == (39, 40)
    assert full.difference == pytest.approx(0.5)
    assert (empty.mean, empty.low, empty.p, empty.questions) == (None, None, None, 0)


def test_other_questions_and_no_scores_are_failures(tmp_path):
    asked = {"baseline": None, "full": {"own-0-0", "own-1-0"}}
    files = {
        (model, 0, "own"): write_scores(tmp_path, model, 0, "own", lambda d, q: 0.1, only=only)
        for model, only in asked.items()
    }
    with pytest.raises(EvaluationError, match="other questions"):
        compared(files, tmp_path)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(EvaluationError, match="no scores"):
        compared({("full", 1, "own"): empty}, tmp_path, baseline="")
