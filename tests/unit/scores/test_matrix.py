"""The matrix of invented scores: values, verdicts, and what is not claimed."""

import dataclasses
import math
from itertools import product

import numpy as np
import pytest

from papertune.errors import EvaluationError
from papertune.metrics import part_keys
from papertune.records import Score, write_records
from papertune.report.numbers import interval
from papertune.scores.comparing import compare
from papertune.scores.matrix import Cell, read_matrix
from papertune.scores.rows import read_rows
from papertune.scores.writers import Contrast
from papertune.study.design import Design
from papertune.study.settings import Comparison


def write_scores(folder, model, seed, test_set, value, *, only=None, missing=(), documents=20):
    """Two questions per document, years 2022 and 2023 by turns; ``value(document, question)``."""

    def records():
        for document, question in product(range(documents), range(2)):
            pair, score = f"{test_set}-{document}-{question}", value(document, question)
            values = {"similarity": None if pair in missing else score}
            values |= dict(zip(part_keys("perplexity"), (score * 10, 5.0), strict=True))
            if only is None or pair in only:
                yield Score(pair, f"d{document}", 2022 + document % 2, values)

    path = folder / model / f"seed-{seed}" / f"{test_set}.jsonl"
    write_records(path, records())
    return path


def compared(files, folder, baseline="baseline", without=(), **how):
    """(model, test set, metric, year) → cell, and the contrasts by model."""
    models = [name for name in dict.fromkeys(name for name, *_ in files) if name != baseline]
    design = Design(
        ["similarity", "perplexity"], dict.fromkeys(models, baseline) if baseline else {}, models,
        {name: ["own"] for name in models}, Comparison(**how),
        {test_set: test_set for _, _, test_set in files},
    )  # fmt: skip
    to = {"matrix": folder / "matrix.csv", "writers": folder / "writers.csv"}
    cells = compare(files, design, without=without, **to)
    contrasts = {one.model: one for one in read_rows(to["writers"], Contrast)}
    return {(c.model, c.test_set, c.metric, c.year): c for c in cells}, contrasts


def make(folder, *, seeds=(0.4, 0.5), documents=20, other=0.25, **how):
    """A baseline at 0.2 and a model that gains with each seed: cells, contrasts and the noise."""
    noise = np.random.default_rng(5).normal(0, 0.05, size=(1 + len(seeds), documents, 2))
    files = {}
    for test_set, share in (("own", 1.0), ("other", other)):
        for seed, gain in enumerate((0.0, *seeds)):
            key = ("full" if seed else "baseline", seed, test_set)
            value = lambda d, q, s=seed, g=gain * share: 0.2 + g + noise[s, d, q]  # noqa: E731
            files[key] = write_scores(folder, *key, value, documents=documents)
    return *compared(files, folder, **how), noise


def test_means_are_over_questions_and_seeds_and_of_years_and_perplexity_right(tmp_path):
    cells, _, noise = make(tmp_path)
    cell = cells["full", "own", "similarity", "all"]
    expected = 0.2 + 0.4 + 0.05 + noise[1:].mean()
    assert cell.mean == pytest.approx(expected)
    assert cell.low < cell.mean < cell.high <= 1
    assert (cell.questions, cell.documents, cell.seeds) == (40, 20, 2)
    assert cell.seed_low == pytest.approx(0.6 + noise[1].mean())
    assert cell.seed_high == pytest.approx(0.7 + noise[2].mean())
    # the spread of .6 and .7, all of it luck; the model is the only one
    assert cell.seed_sd == cell.pooled_sd == pytest.approx(0.07, abs=0.02)

    year = cells["full", "own", "similarity", "2023"]
    assert year.mean == pytest.approx(0.65 + noise[1:, 1::2].mean())
    assert (year.questions, year.p, year.verdict) == (20, None, "")
    total = 10 * (0.2 + noise[0]).sum() / (5 * 40)
    assert cells["baseline", "own", "perplexity", "all"].mean == pytest.approx(math.exp(total))
    assert cells["baseline", "own", "perplexity", "all"].low >= 1


def test_a_true_gain_is_found_and_no_gain_is_not(tmp_path):
    cells, _, _ = make(tmp_path, seeds=(0.4, 0.41, 0.42), other=0.0)
    own, other = (cells["full", name, "similarity", "all"] for name in ("own", "other"))
    assert own.p_corrected == pytest.approx(2 * own.p)  # one model × two test sets
    assert own.better() is True
    assert other.better() is None
    assert cells["full", "own", "perplexity", "all"].better() is False  # higher is worse there
    assert cells["baseline", "own", "similarity", "all"].p is None


def test_no_interval_contradicts_its_verdict(tmp_path):
    """Whatever the gains: the interval of the difference excludes 0 exactly where there is a star."""
    judged = []
    for number, gain in enumerate(np.linspace(0, 0.09, 4)):
        cells, _, _ = make(
            tmp_path / str(number), seeds=(gain, gain + 0.02, gain - 0.02), other=0.5
        )
        judged += [cell for cell in cells.values() if cell.p is not None]
    verdicts = {
        (cell.difference_low > 0 or cell.difference_high < 0, cell.verdict != "") for cell in judged
    }
    assert verdicts == {(True, True), (False, False)}


def test_few_documents_and_one_run_claim_nothing(tmp_path):
    few, contrasts, _ = make(tmp_path / "few", documents=8)
    one, _, _ = make(tmp_path / "one", seeds=(0.4,))
    assert {c.unclaimed for c in few.values()} == {"few documents"}
    assert contrasts["full"].unclaimed == "few documents" and contrasts["full"].kept is None
    for cells, why in ((few, "few documents"), (one, "one run")):
        cell = cells["full", "own", "similarity", "all"]
        assert (cell.unclaimed, cell.p, cell.better()) == (why, None, None)
        assert cell.difference_low < cell.difference < cell.difference_high
    # no training made the baseline: it has no luck
    assert one["baseline", "own", "similarity", "all"].unclaimed == ""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("endless", ["full", "baseline"])
def test_a_perplexity_without_end_is_shown_and_nothing_is_claimed_of_it(tmp_path, endless):
    files = {}
    for model, seed in (("baseline", 0), ("full", 1), ("full", 2), ("other", 1), ("other", 2)):
        value = lambda d, q, m=model, s=seed: (  # noqa: E731
            1e4 if d == 3 and m == endless and s < 2 else 0.2 + 0.01 * ((d + s) % 5) + 0.1 * s
        )
        files[model, seed, "own"] = write_scores(tmp_path, model, seed, "own", value)
    for (model, seed, _), path in [*files.items()]:
        files[model, seed, "elsewhere"] = path
    cells, contrasts = compared(files, tmp_path, metric="perplexity")
    full = contrasts["full"]
    assert (full.unclaimed, full.kept, full.own, full.own_low) == ("infinite", None, None, None)
    cell = cells[endless, "own", "perplexity", "all"]
    assert (cell.mean, cell.low, cell.p, cell.questions) == (math.inf, None, None, 40)
    assert cell.unclaimed == "infinite" and interval(cell) == "∞ (infinite)"
    full = cells["full", "own", "perplexity", "all"]
    assert (full.unclaimed, full.better(), full.p) == ("infinite", None, None)
    assert abs(full.difference) == math.inf and full.difference_low is None
    other = cells["other", "own", "perplexity", "all"]  # its own luck is known
    assert other.unclaimed == ("" if endless == "full" else "infinite")
    assert cells["full", "own", "perplexity", "2022"].unclaimed != "one run"


def test_own_writer_against_others_and_the_kept_share(tmp_path):
    cells, contrasts, _ = make(tmp_path, seeds=(0.4, 0.41, 0.42))
    found = contrasts["full"]
    assert found.own == pytest.approx(cells["full", "own", "similarity", "all"].difference)
    assert found.own_low == pytest.approx(cells["full", "own", "similarity", "all"].difference_low)
    assert found.advantage == pytest.approx(found.own - found.others)
    # the same noise on both test sets: what is left of a gain of .41 is 3/4 of it
    assert found.advantage == pytest.approx(0.41 * 0.75)
    assert found.kept == pytest.approx(found.others / found.own)
    assert found.kept_low < found.kept < found.kept_high
    assert (found.documents, found.seeds, found.writers) == (20, 3, "own")


def test_documents_left_out_are_in_no_number(tmp_path):
    make(tmp_path / "all", documents=25)
    files = {
        (path.parts[-3], int(path.parts[-2][5:]), path.stem): path
        for path in sorted((tmp_path / "all").rglob("*.jsonl"))
    }
    gone = {f"d{number}" for number in range(20, 25)}
    cells, contrasts = compared(files, tmp_path, without=gone)
    assert {c.documents for c in cells.values() if c.year == "all"} == {20}
    assert contrasts["full"].documents == 20


def test_the_file_comes_back_and_is_the_same_again(tmp_path):
    cells, _, _ = make(tmp_path)
    again = read_matrix(tmp_path / "matrix.csv")
    assert [c.model for c in again] == [c.model for c in cells.values()]
    assert again[0].mean == pytest.approx(next(iter(cells.values())).mean)
    assert isinstance(again[0], Cell) and again[0].p is None and again[0].verdict == ""
    assert {type(value) for value in dataclasses.astuple(again[-1])} <= {
        str,
        int,
        float,
        type(None),
    }
    before = (tmp_path / "matrix.csv").read_bytes()
    make(tmp_path)
    assert (tmp_path / "matrix.csv").read_bytes() == before
    make(tmp_path, confidence=0.9)
    assert (tmp_path / "matrix.csv").read_bytes() != before


def test_missing_values_are_left_out_of_both_sides_and_none_at_all_gives_an_empty_cell(tmp_path):
    every = {f"own-{d}-{q}" for d in range(20) for q in range(2)}
    given = {"baseline": (0, {"own-0-1"}), "full": (0.5, ()), "mute": (0, every)}
    cells, _ = compared({
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
