"""Metrics beside the main one tell form from content: tables of answers by hand."""

import numpy as np
import pytest
from test_metrics import answer, value

from papertune.answering.generation import _read_answer
from papertune.metrics import METRICS, metric_named
from papertune.metrics.form import companions, cut_to_form, in_form_name
from papertune.metrics.quantities import same_numbers
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.uses import score as score_uses
from sample_study import SETTINGS


@pytest.mark.parametrize(
    ("reference", "text", "right"),
    [
        # per cent
        ("11%", "11%", True),
        ("11%", "14%", False),
        ("By 22.7 %.", "It saves 22.7% of energy.", True),
        ("22.7 percent", "22.70 per cent", True),
        ("5 %", "0.05", True),
        ("0.05", "5 %", True),
        ("5 %", "0.05 %", False),
        ("0.05", "0.05 %", False),
        ("5 %", "5", False),
        ("5 %", "5 ms", False),
        ("5 %", "5 percentage points", False),
        ("５％", "5%", True),
        # units
        ("5 ms", "5ms", True),
        ("5 ms", "0.005 s", True),
        ("5 ms", "5 milliseconds", True),
        ("5 ms", "5 s", False),
        ("5 ms", "5", False),
        ("5 µs", "5 us", True),
        ("2 minutes", "120 s", True),
        ("3 GB/s", "3000 MB/s", True),
        ("3 GB/s", "3 GB", False),
        ("4 MB", "4 Mb", False),
        ("4 KiB", "4096 bytes", True),
        ("7B", "7 billion parameters", True),
        ("7 billion", "7 million", False),
        ("$5", "5 dollars", True),
        ("1.5x", "1.5 times", True),
        ("2-fold", "2x", True),
        # a reference that names no unit
        ("5", "5 layers", True),
        ("5", "5 ms", True),
        ("3 layers", "3 heads", True),
        ("the 3rd layer", "layer 3", True),
        # whole numbers
        ("5", "15", False),
        ("5", "1.5", False),
        ("1.5", "15", False),
        ("-5", "5", False),
        ("−5 °C", "-5 °C", True),
        # thousands and decimals
        ("1,234", "1234", True),
        ("1 234", "1234", True),
        ("1\u202f234", "1,234", True),
        ("1,234.5", "1234.5", True),
        ("1'234", "1234", True),
        ("1.234.567", "1,234,567", True),
        ("1,5", "1.5", True),
        ("1e-3", "0.001", True),
        ("3.2 x 10^4", "32000", True),
        ("3×10⁻⁴", "0.0003", True),
        ("1,2,3", "3, 2 and 1", True),
        ("version 1.2.3", "version 1.2.4", False),
        # ranges
        ("5–10 %", "from 5% to 10%", True),
        ("5-10 ms", "5 to 10 ms", True),
        ("5–10 %", "5–20 %", False),
        ("5–10 %", "10 %", False),
        ("between 5 and 10 ms", "5 ms or 10 ms", True),
        # all numbers of the reference; others do no harm
        ("14% less time, 11% less energy", "14% of time", False),
        ("11%", "37%\nless energy: 11%\nprograms: PARSEC", True),
        ("5 of them", "five of them", True),
        ("٥", "5", True),
        ("5毫秒", "5 毫秒", True),
        # what belongs together: dates, sizes, parts of a whole
        ("2021-03-03", "2021-03-04", False),
        ("2021-03-04", "2021-04-03", False),
        ("2021-03-03", "on 2021-03-03.", True),
        ("5 of 10", "5 of 12", False),
        ("5 of 10", "10 of 5", False),
        ("5 of 10", "5/10", True),
        ("5 of 10", "Of 10 runs, 5 failed", True),
        ("4x4", "4×5", False),
        ("224×224", "224 by 224", True),
        ("version 2.10", "version 2.1", False),
        ("version 2.10", "it is 2.10", True),
        # units that are near each other
        ("5 pJ", "5 nJ", False),
        ("5 pJ", "0.005 nJ", True),
        ("5 months", "5 years", False),
        ("5 mAh", "5 Ah", False),
        ("5 ppm", "5 ppb", False),
        ("5 Mbit/s", "5 Mbps", True),
        ("5 mm²", "5 cm²", False),
        ("5 tokens/s", "5 tokens per second", True),
        ("5 ms", "5 ms per token", True),
        ("$5 million", "$5 billion", False),
        ("$1.5M", "1.5 million dollars", True),
        ("5 %", "-5 %", False),
        ("10 to 20%", "10%-20%", True),
        # of other languages
        ("5毫秒", "5秒", False),
        ("5毫秒", "5 ms", True),
        ("3万", "3亿", False),
        ("3万", "30000", True),
        ("5 мс", "5 нс", False),
        ("12 %", "12 Prozent", True),
        ("12 %", "12 pour cent", True),
        ("1 234,5", "1234.5", True),
        ("12,34,567", "1234567", True),
        ("0,001", "0.001", True),
        ("٣٫٥", "3.5", True),
        # powers and words
        ("10^6", "1000000", True),
        ("10⁶", "10⁵", False),
        ("1e400", "1e400", True),
        ("1e400", "1e500", False),
        ("5", "1e999", False),
        ("5 ms", "five milliseconds", True),
        ("125", "one hundred and twenty-five", True),
        ("100", "one hundred of them", True),
        ("20", "twenty-one", False),
        ("-5", "minus five", True),
        # digits in names are no numbers
        ("PARSEC", "11%", None),
        ("GPT-4", "GPT-3", None),
        ("x86 and L2", "ARM", None),
        ("five", "5", None),
        ("", "5", None),
    ],
)
def test_numbers_and_units(reference, text, right):
    assert same_numbers(reference, text) is right
    expected = None if right is None else float(right)
    assert value("numbers_right", text, reference) == expected


@pytest.mark.parametrize(
    ("reference", "text", "expected"),
    [
        ("5", "15", 0),
        ("5", "1.5", 0),
        ("5", "it is 5.", 1),
        ("cache", "caches", 0),
        ("Zoraflux", "The design is called ZORAFLUX, as said.", 1),
        ("a sparse tensor engine", "device: a sparse tensor engine\nprograms", 1),
        ("sparse engine", "sparse tensor engine", 0),
        ("11%", "less energy: 11%\nprograms", 1),
        ("naïve", "a nai\u0308ve one", 1),
        ("缓存", "这个缓存很大", 1),
        ("cache", "", 0),
        ("?!", "?!", None),
        ("C", "it is written in C++", 0),
        ("-5", "it is 5", 0),
        (">5", "it is > 5 there", 1),
        (">5", "it is <5", 0),
        ("A", "the answer is A.", 1),
    ],
)
def test_the_reference_is_contained_whole(reference, text, expected):
    assert value("contains_reference", text, reference) == expected


@pytest.mark.parametrize(
    ("reference", "text", "expected"),
    [
        # what has the reference's form is left alone, to the last blank
        ("The cache saves energy.", "The cache saves power.", "The cache saves power."),
        ("The cache saves energy.", "Energy", "Energy"),
        ("x", "", ""),
        # one line, one sentence, as many tokens
        ("11%", "11%\nless energy: 37%\nprograms", "11%"),
        ("ZSim", "37%\nsimulator: ZSim", "37%"),
        ("It saves a lot.", "It saves 5%. It also costs area.", "It saves 5%."),
        ("Two words", "one two three four", "one two"),
        ("22.7%", "22.7% of all energy", "22.7%"),
        ("It saves energy. It is small.", "A b. C d. E f.", "A b. C d. E f."),
        ("It is. It was.", "It is so. It was. It will be.", "It is so. It"),
        ("a cache", "Answer:\na cache\nof words", "Answer:\na"),
        ("x = 1\ny = 2", "x = 1\n\ny = 3\nz = 4", "x = 1\n\ny = 3"),
        ("if a:\n    b = 1", "if a:\n    b = 1", "if a:\n    b = 1"),
        ("缓存节省能量。", "缓存节省电力。它也很小。", "缓存节省电力。"),
        ("节省", "缓存节省电力", "缓存"),
        ("?", "why not", "why not"),
    ],
)
def test_an_answer_is_cut_to_the_form_of_the_reference(reference, text, expected):
    assert cut_to_form(text, reference) == expected
    assert cut_to_form(reference, reference) == reference


def test_length_is_all_tokens_by_all_tokens():
    given = [("one two three four", "a"), ("", "a b c"), ("缓存", "缓存节省电力")]
    parts = [METRICS["length_ratio"].measure(answer(*one), None) for one in given]
    assert parts == [(4, 1), (0, 3), (2, 6)]
    assert METRICS["length_ratio"].of_cell(np.sum(parts, axis=0)) == pytest.approx(6 / 10)
    assert value("length_ratio", "a b", "a b c d") == 0.5


class Plain:
    """Decodes a token as itself."""

    def decode(self, tokens, skip_special_tokens):
        return " ".join(map(str, tokens))


@pytest.mark.parametrize(
    ("tokens", "cut", "text"),
    [
        ([5, 6, 9], False, "5 6"),
        ([5, 6, 7], True, "5 6 7"),
        ([5, 9, 0], False, "5"),
        ([9, 0, 0], False, ""),
    ],
)
def test_an_answer_that_ends_with_the_last_token_that_fits_is_not_cut(tokens, cut, text):
    written = _read_answer(Plain(), tokens, {9})
    assert (written.truncated, written.text) == (cut, text)
    assert value("cut_at_limit", written.text, "x", truncated=written.truncated) == cut


def test_a_metric_in_form_measures_what_is_left():
    text, reference = "The cache.\nAnd more of it, and more", "The cache."
    assert value("token_f1", text, reference) < value("token_f1_in_form", text, reference) == 1
    similar = metric_named("similarity_in_form")
    assert similar.texts(answer(text, reference)) == ("The cache.", reference)
    assert similar.texts(answer("The cache", reference)) == ("The cache", reference)
    # of what reads no answer, and of what is form itself, there is none
    alone = [name for name in METRICS if "_in_form" not in name and not in_form_name(name)]
    likelihood = ["bits_per_byte", "character_perplexity", "perplexity"]
    form = ["cut_at_limit", "length_ratio", "repeats", "repetition", "repetition_begins"]
    programs = ["pass@1", "pass@10", "pass@100", "parses", "signature", "only_code"]
    assert sorted(alone) == sorted([*likelihood, *form, *programs, "rating"])
    assert in_form_name("similarity@other") == "similarity_in_form@other"


@pytest.mark.parametrize("judged", ["token_f1", "perplexity", "contains_reference"])
def test_companions_are_scored_whatever_is_chosen(judged):
    values = SETTINGS | {"metrics": [judged], "comparison": {"metric": judged}, "published": []}
    study = Experiment.model_validate(values)
    chosen = score_uses(Layout("demo", study), "full", "1", "cloze").counted
    assert chosen["metrics"] == study.scored
    assert companions(judged) == study.scored == study.compared
    # no embedder is asked for where nothing is compared in meaning
    assert chosen["embedders"] == {}


@pytest.mark.parametrize(
    ("question", "reference", "text", "right"),
    [
        ("What does system 7 save?", "System 7 saves energy.", "System 7 is good", None),
        ("What does system 7 save?", "System 7 saves 5 %.", "System 7 saves", False),
        ("What does system 7 save?", "System 7 saves 5 %.", "5 %", True),
        ("Is it 5 or 6?", "5", "5 or 6", None),
        ("What follows 5 ms?", "5 s", "5 s", True),
    ],
)
def test_numbers_that_the_question_gives_away_are_not_asked_for(question, reference, text, right):
    assert same_numbers(reference, text, question) is right
