"""Claims about invented matrices: kinds of gain, verdicts, kept shares, numbers in words."""

import re
from dataclasses import replace

import pytest

from papertune.metrics import metric_named
from papertune.report.conclusion import conclude
from papertune.report.numbers import number
from papertune.scores.matrix import FEW, ONE_RUN, Cell
from papertune.scores.writers import Contrast
from papertune.study.experiment import Experiment
from sample_study import SETTINGS

OWN, OTHER = "extractive", "cloze"
PLAIN, FORM, HAS, NUMBERS, LENGTH = (
    *("similarity", "similarity_in_form", "contains_reference", "numbers_right", "length_ratio"),
)


def cell(metric, change, low, high, *, base=0.25, documents=40, seeds=3, unclaimed="", **more):
    """Of a model on a test set: better or worse than its baseline where the interval leaves out 0."""
    shown = low > 0 or high < 0
    wish = metric_named(metric).higher_is_better
    verdict = ""
    if shown and not unclaimed and wish is not None:
        verdict = "better" if (change > 0) == wish else "worse"
    p = None if unclaimed else 0.01 if shown else 0.4
    named = {"model": "full", "test_set": OWN, "baseline": "baseline"} | more
    mean = base + change
    return Cell(
        metric=metric, year="all", mean=mean, low=mean - 0.05, high=mean + 0.05,
        questions=3 * documents, documents=documents, seeds=seeds, seed_low=mean, seed_high=mean,
        difference=change, difference_low=low, difference_high=high, p=p, p_corrected=p,
        verdict=verdict, unclaimed=unclaimed, **named,
    )  # fmt: skip


GAIN = cell(PLAIN, 0.46, 0.40, 0.52)
IN_FORM = cell(FORM, 0.41, 0.33, 0.49)
LESS_IN_FORM = cell(FORM, 0.05, -0.02, 0.12)
HALF_IN_FORM = cell(FORM, 0.25, 0.18, 0.32)
CONTAINS = cell(HAS, 0.30, 0.20, 0.40, base=0.2)
NO_MORE = cell(HAS, 0.06, -0.04, 0.16, base=0.3)
WIDE = cell(HAS, 0.10, -0.20, 0.40, base=0.3)
NONE_HAS = cell(HAS, 0.00, -0.01, 0.01, base=0.01)
FEWER = cell(HAS, -0.20, -0.30, -0.10, base=0.4)
RIGHT = cell(NUMBERS, 0.35, 0.25, 0.45, base=0.1)
NOT_RIGHT = cell(NUMBERS, 0.02, -0.03, 0.07, base=0.0)
NO_NUMBERS = replace(
    cell(NUMBERS, 0, 0, 0), mean=None, difference=None, difference_high=None, p=None
)
BLEU = cell("corpus_bleu", 20.0, 15.0, 25.0, base=5.0)
BLEU_IN_FORM = cell("corpus_bleu_in_form", 18.0, 12.0, 24.0, base=5.0)
SURPRISE = cell("perplexity", -3.0, -4.0, -2.0, base=9.0)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        # still there in form, and what is asked for is said more often
        ([GAIN, IN_FORM, CONTAINS, RIGHT], "content"),
        ([GAIN, IN_FORM, CONTAINS], "content"),
        ([GAIN, IN_FORM, NO_MORE, RIGHT], "content"),
        # long references without numbers: nothing is contained in any answer
        ([GAIN, IN_FORM, NONE_HAS, NO_NUMBERS], "content"),
        ([GAIN, IN_FORM, NONE_HAS, replace(NOT_RIGHT, documents=3)], "content"),
        # the base never stops, and lists what is asked for among the rest
        ([GAIN, LESS_IN_FORM, NO_MORE], "form"),
        ([GAIN, LESS_IN_FORM, NONE_HAS, NO_NUMBERS], "form"),
        ([GAIN, IN_FORM, FEWER], "form"),
        # witnesses contradict each other: what is asked for comes late, or is only like it
        ([GAIN, LESS_IN_FORM, CONTAINS], "not told apart"),
        ([GAIN, IN_FORM, FEWER, RIGHT], "not told apart"),
        # as the demo's: first things first is more than stopping, and no more is contained
        ([GAIN, IN_FORM, NO_MORE], "not told apart"),
        ([GAIN, HALF_IN_FORM, NO_MORE, NOT_RIGHT], "not told apart"),
        # nobody can tell
        ([GAIN, IN_FORM, WIDE], "not told apart"),
        ([GAIN, HALF_IN_FORM, WIDE], "not told apart"),
        ([GAIN, cell(FORM, 0.3, -0.1, 0.7), WIDE], "not told apart"),
        ([GAIN], "not told apart"),
        # like the reference in form, with the wrong numbers; or with fewer right ones than before
        ([GAIN, IN_FORM, NONE_HAS, NOT_RIGHT], "not told apart"),
        ([GAIN, IN_FORM, CONTAINS, replace(NOT_RIGHT, verdict="worse")], "not told apart"),
        # one word before, a sentence now: no cut makes them equal
        ([GAIN, IN_FORM, NONE_HAS, cell(LENGTH, 0.8, 0.7, 0.9, base=0.1)], "not told apart"),
        ([GAIN, IN_FORM, CONTAINS, cell(LENGTH, 0.8, 0.7, 0.9, base=0.1)], "content"),
        # on other scales
        ([BLEU, BLEU_IN_FORM, CONTAINS], "content"),
        ([BLEU, BLEU_IN_FORM, NO_MORE], "not told apart"),
        ([BLEU, BLEU_IN_FORM, cell(HAS, 0.01, -0.02, 0.04, base=0.3)], "not told apart"),
        ([BLEU, cell(HAS, 0.01, -0.02, 0.04, base=0.3)], "form"),
        ([SURPRISE, CONTAINS], "content"),
        ([SURPRISE, NO_MORE], "not told apart"),
        ([cell("cut_at_limit", -0.8, -0.9, -0.7, base=0.9), CONTAINS], "form"),
        ([cell("repetition", -0.2, -0.3, -0.1, base=0.4), CONTAINS], "form"),
        ([CONTAINS, cell("contains_reference_in_form", 0.25, 0.15, 0.35)], "content"),
    ],
)  # fmt: skip
def test_a_gain_is_of_content_of_form_or_not_told_apart(cells, kind):
    [claim] = claims(cells)
    assert (claim.verdict, claim.kind) == ("better", kind)
    assert claim.gained[0].cell == cells[0]


def study(judged=PLAIN, **settings):
    chosen = {"metrics": [judged], "comparison": {"metric": judged}, "published": []}
    return Experiment.model_validate(SETTINGS | chosen | settings)


def of_baseline(cells):
    """The baseline's cell beside each."""
    bare = {"baseline": "", "difference": None, "p": None, "p_corrected": None, "verdict": ""}
    return [
        replace(c, model="baseline", mean=None if c.mean is None else c.mean - c.difference, **bare)
        for c in cells
        if c.model == "full"
    ]


def claims(cells, contrasts=(), **settings):
    experiment = study(cells[0].metric, **settings)
    return conclude([*of_baseline(cells), *cells], experiment, contrasts).claims


# ---- verdicts ---------------------------------------------------------------


def at(change, low, high, model="full", test_set=OWN, kind="content", **more):
    """The cells of a model on a test set, with companions that make a gain one of a kind."""
    where = {"model": model, "test_set": test_set} | more
    beside = {"content": (1, 0.8), "form": (0.02, 0.0), "not told apart": (1, None)}
    in_form, has = beside[kind]
    spread = (high - low) / 2
    witness = (0.1, -0.6, 0.8) if has is None else (has * change, has * low, has * low + 2 * spread)
    return [
        cell(PLAIN, change, low, high, **where),
        cell(FORM, in_form * change, in_form * change - spread, in_form * change + spread, **where),
        cell(HAS, *(witness if has is None or has else (0.0, -0.02, 0.02)), base=0.3, **where),
    ]


def kept(value, low, high, model="full"):
    return Contrast(model, OWN, 40, 3, kept=value, kept_low=low, kept_high=high)


LOST = (0.01, -0.05, 0.07)
UP, DOWN = (0.46, 0.40, 0.52), (-0.20, -0.30, -0.10)
SMALL = {"documents": 8, "unclaimed": FEW}
ONCE = {"seeds": 1, "unclaimed": ONE_RUN}

MATRICES = {
    "content, on both": (
        [*at(*UP), *at(0.2, 0.1, 0.3, test_set=OTHER)], [kept(0.43, 0.3, 0.6)],
        {"full": ("better", "content", 0.43)},
    ),
    "form, and lost with another writer": (
        [*at(*UP, kind="form"), *at(*LOST, test_set=OTHER)], [kept(0.02, -0.1, 0.15)],
        {"full": ("better", "form", 0.02)},
    ),
    "kept share not known": (
        [*at(*UP), *at(*LOST, test_set=OTHER)], [Contrast("full", OWN, 40, 3)],
        {"full": ("better", "content", None)},
    ),
    "another writer not asked": ([*at(*UP)], [], {"full": ("better", "content", None)}),
    "nothing": (
        [*at(*LOST), *at(*LOST, test_set=OTHER)], [], {"full": ("not shown", None, None)},
    ),
    "worse": ([*at(*DOWN), *at(*LOST, test_set=OTHER)], [], {"full": ("worse", None, None)}),
    "better here, worse there": (
        [*at(*UP), *at(*DOWN, test_set=OTHER)], [kept(-0.43, -0.6, -0.2)],
        {"full": ("mixed", "content", -0.43)},
    ),
    "worse here, better there": (
        [*at(*DOWN), *at(*UP, test_set=OTHER)], [], {"full": ("mixed", "content", None)},
    ),
    "not where it was trained to": (
        [*at(*LOST), *at(*UP, test_set=OTHER)], [], {"full": ("elsewhere", "content", None)},
    ),
    "only others asked": (
        [*at(*UP, test_set=OTHER)], [], {"full": ("better", "content", None)},
    ),
    "two models, two kinds": (
        [*at(*UP), *at(0.3, 0.2, 0.4, "lora", kind="form")], [],
        {"full": ("better", "content", None), "lora": ("better", "form", None)},
    ),
    "one better, one worse": (
        [*at(*UP, kind="not told apart"), *at(*DOWN, "lora")], [],
        {"full": ("better", "not told apart", None), "lora": ("worse", None, None)},
    ),
    "two writers, two kinds": (
        [*at(*UP), *at(*UP, test_set=OTHER, kind="form")], [],
        {"full": ("better", "content", None)},
    ),
    "few documents": ([*at(*UP, **SMALL)], [], {"full": ("not shown", None, None)}),
    "this run only": ([*at(*UP, **ONCE)], [], {"full": ("not shown", None, None)}),
    "no companions": ([GAIN], [], {"full": ("better", "not told apart", None)}),
    "lower is better": ([SURPRISE], [], {"full": ("better", "not told apart", None)}),
    "lower is better, and worse": (
        [cell("perplexity", 3.0, 2.0, 4.0, base=9.0)], [], {"full": ("worse", None, None)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MATRICES)
def test_what_is_claimed_of_a_matrix(name):
    cells, contrasts, expected = MATRICES[name]
    found = {c.model: c for c in claims(cells, contrasts)}
    assert {
        model: (c.verdict, c.kind, c.kept.kept if c.kept else None) for model, c in found.items()
    } == expected
    for claim in found.values():
        mine = [c for c in cells if (c.model, c.metric) == (claim.model, cells[0].metric)]
        assert (claim.few, claim.this_run_only) == (
            name == "few documents",
            name == "this run only",
        )
        assert claim.documents == min(c.documents for c in mine)
        assert {g.cell.test_set: (g.better, g.own) for g in claim.gains} == {
            c.test_set: (c.better(), c.test_set == OWN) for c in mine
        }


def told(headline, cell, metric):
    numbers = (cell.difference, cell.difference_low, cell.difference_high)
    change, low, high = (number(value, metric, signed=True) for value in numbers)
    return f"{change} [{low}, {high}]" in headline


@pytest.mark.parametrize("name", MATRICES)
def test_the_headline_carries_the_numbers_of_the_claims(name):
    cells, contrasts, _ = MATRICES[name]
    judged = cells[0].metric
    found = conclude([*of_baseline(cells), *cells], study(judged), contrasts)
    headline = found.headline
    for claim in found.claims:
        shown = [*claim.gained, *(g for g in claim.gains if g.better is False)]
        assert all(told(headline, gain.cell, judged) for gain in shown or claim.gains[:1]), headline
        assert not claim.gained or str(claim.kind) in headline.lower()
        assert ("worse than" in headline.lower()) == any(
            g.better is False for c in found.claims for g in c.gains
        )
        if claim.kept:
            share = [claim.kept.kept, claim.kept.kept_low, claim.kept.kept_high]
            value, low, high = (f"{one:.0%}".replace("-", "−") for one in share)
            assert f"{value} [{low}, {high}]" in headline
        assert ("few (8)" in headline) == claim.few
        assert ("This run only" in headline) == claim.this_run_only
    assert not re.search(r"surviv|resampl|None", headline)
    assert len(headline) < 420 and all(finding.endswith(".") for finding in found.findings)


@pytest.mark.parametrize(("chance", "said"), [(0.7, True), (0.6, False), (None, False)])
def test_a_gain_up_to_the_chance_level_is_called_that(chance, said):
    """Its interval is 0.66 to 0.76; a base that repeats itself scores less than any other answer."""
    gain = replace(GAIN, test_set=OTHER, chance=chance)
    headline = conclude([GAIN, gain, *of_baseline([GAIN, gain])], study()).headline
    assert ("above chance level" in headline) == said
    assert ("(0.710, chance 0.700)" in headline) == said


def test_many_models_and_test_sets_are_grouped():
    models = {f"m{i:02}": {"base": "small", "method": "full"} for i in range(40)}
    models = {"baseline": SETTINGS["models"]["baseline"]} | models
    writers = {f"w{i}": SETTINGS["generators"][OWN] for i in range(6)}
    cells, contrasts = [], []
    for place, model in enumerate(models):
        for writer in writers if place else ():
            own = writer == "w0"
            change = 0.1 + place / 100 if own else -0.2 if place % 7 == 0 else 0.01
            kind = "form" if place % 2 else "content"
            cells += at(change, change - 0.08, change + 0.08, model, writer, kind=kind)
        contrasts += [kept(place / 100, 0.01, 0.5, model)] * bool(place)
    judged = study(models=models, generators=writers)
    found = conclude(cells, judged, contrasts)
    assert len(found.claims) == 40 and len(found.headline) < 700
    least, most = "20, from m01 +0.120 [+0.040", " to m39 +0.500 [+0.420"
    for said in (
        "20 of 40 models",
        least,
        most,
        "40, from 1% [1%, 50%] (m00) to 40%",
    ):
        assert said in found.headline, found.headline


@pytest.mark.parametrize(
    "settings",
    [{"models": {"full": SETTINGS["models"]["full"]}}, {}],
    ids=["no baseline", "no scores"],
)
def test_nothing_to_compare(settings):
    found = conclude([], study(**settings))
    assert found.headline.startswith("Nothing to compare")
    assert "corrected" not in " ".join(found.caveats)  # for 0 comparisons
