"""The smallest difference that a study can show, against simulated studies of that size."""

import numpy as np
import pytest

from papertune.scores.power import (
    Size,
    Spread,
    needed,
    remember,
    remembered,
    smallest,
    together,
    typical,
)
from papertune.scores.statistics import Squares, estimate

SEEN = Spread("own", "similarity", documents=0.15, questions=0.2, seeds=0.02, rest=0.1)


def test_four_of_five_studies_of_that_size_show_it_and_few_show_half_of_it():
    size = Size(seeds=3, documents=60, questions=3, models=4, comparisons=8)
    least, rng = smallest(SEEN, size), np.random.default_rng(0)
    from scipy import stats

    for truth, (low, high) in ((least, (0.75, 0.85)), (least / 2, (0.05, 0.3))):
        starred = []
        for _ in range(500):
            by_document = np.sqrt(0.15**2 + 0.2**2 / 3) * rng.standard_normal((4, 1, 60))
            luck, rest = (sd * rng.standard_normal((4, 3, n)) for sd, n in ((0.02, 1), (0.1, 60)))
            y = truth + by_document + luck + rest
            pooled = Squares.pooled(map(Squares.of, y))
            of = [estimate(one.mean(), Squares.of(one), pooled) for one in y]
            t = [(one.value / one.error, one.freedom) for one in of]
            starred += [2 * stats.t.sf(abs(value), freedom) < 0.05 / 8 for value, freedom in t]
        assert low <= np.mean(starred) <= high


def test_more_documents_do_not_help_where_seeds_differ_and_the_other_way_round():
    size = Size(seeds=2, documents=2000, questions=3, models=2, comparisons=4)
    least = smallest(SEEN, size)
    ways = needed(SEEN, size, least / 2)
    assert ways["documents"] is None and ways["questions"] is None and ways["seeds"] > 2
    seeds, documents = together(SEEN, size, least / 4)[0]
    both = Size(seeds=seeds, documents=documents, questions=3, models=2, comparisons=4)
    assert seeds > 2 and smallest(SEEN, both) <= least / 4
    size = Size(seeds=8, documents=20, questions=3, models=2, comparisons=4)
    ways = needed(SEEN, size, smallest(SEEN, size) / 2)
    assert ways["seeds"] is None and ways["documents"] > 20
    # what is said to be needed is enough, and one less is not
    for name, number in ways.items():
        if number:
            values = {"seeds": 8, "documents": 20, "questions": 3, "models": 2, "comparisons": 4}
            enough, less = (
                smallest(SEEN, Size(**values | {name: n})) for n in (number, number - 1)
            )
            assert enough <= smallest(SEEN, size) / 2 < less


@pytest.mark.parametrize(("seeds", "documents"), [(1, 100), (3, 9)])
def test_nothing_is_shown_by_one_seed_or_few_documents(seeds, documents):
    assert smallest(SEEN, Size(seeds, documents, 3, 4, 8)) is None


def test_the_store_gives_the_middle_of_what_was_seen_and_only_of_the_metric(tmp_path):
    assert remembered(tmp_path, "similarity") == (None, 0)
    seen = [Spread("own", "similarity", sd, None, None, None) for sd in (0.1, 0.3)] + [SEEN]
    for _ in range(2):  # the same again counts once
        remember(tmp_path, [*seen, Spread("own", "bleu", 0.5, 0.1, 0.1, 0.1)])
    middle, count = remembered(tmp_path, "similarity")
    assert (count, middle.documents, middle.seeds) == (3, 0.15, 0.02)


def test_what_is_typical_has_the_scale_of_the_metric():
    assert typical("corpus_bleu").documents == pytest.approx(100 * typical("token_f1").documents)
    assert typical("perplexity") is None
