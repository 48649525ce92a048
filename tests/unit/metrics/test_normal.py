"""Normalisation of texts for comparison: equal ones are equal, different ones are not."""

import random
import re
import string

import pytest

from papertune.metrics.characters import spaced, tokens
from papertune.metrics.normal import code, form_of, normal, numbers, prose
from time_limit import at_most

EQUAL = """
1.50|1.5 1,500|1500 1\u202f500|1500 −5|-5 １２|12 １．５|1.5 5ms|5\u00a0ms 1.5e3|1500 10³|10^3 +5|5 ٥|5
½|1/2 50%|50\u00a0% 1.234.567|1234567 .5|0.5 “cache”|"cache" don’t|don't cafe\u0301|café ﬁne|fine
state–of—art|state-of-art STRASSE|straße İstanbul|istanbul Isı|ısı ΣΊΣΥΦΟΣ|Σίσυφος C++|c++
`x+1`|x+1 x+1.|x+1 co\u00adop|coop
"""
MORE_EQUAL = [
    ("1 500", "1500"), ("50 percent", "50%"), ("5 milliseconds", "5 ms"), ("$5", "5 USD"),
    ("1 × 10^3", "1000"), ("5 °C", "5°C"), ("100 km/h", "100km/h"), ("1,5 Sekunden", "1.5 Sekunden"),
    ("saves 22.70 % of it", "saves 22.7% of it"), ("The value is 1.50", "value is 1.5"),
    ("x + 1", "x+1"), ("```python\ndef f(x):\n    return x\n```", "def f(x):\n  return x"),
]  # fmt: skip
DIFFERENT = """
1.5|15 -5|5 −5|5 C|C++ C#|C++ C#|C NET|.NET x+1|x-1 10²|102 1/2|12 50%|50 $5|€5 A+|A 12:30|1230
2019–2020|20192020 1e-5|1e5 ?|! |... A| A|the 缓存|内存 a[0]|b[0] x**2|x*2 5.0|50
"""
MORE_DIFFERENT = [
    ("5 ms", "5 s"), ("5 mW", "5 MW"), ("draws 5 mW", "draws 5 MW"), ("p < 0.05", "p > 0.05"),
    ("takes 1.5 of it", "takes 15 of it"), ("it is -5 now", "it is 5 now"), ("x = Y", "x = y"),
    ("Python 3.10", "Python 3.1"), ("uses C++ here", "uses C here"), ("", "the"),
    ("def f():\n    a()\n    b()", "def f():\n    a()\nb()"), (">5", "<5"), ("≥ 5 ms", "5 ms"),
    ("--flag", "flag"), ("-x", "x"), ("ls -l", "ls l"),
]  # fmt: skip


def table(text):
    return [tuple(one.split("|")) for one in re.split("[ \n]+", text.strip())]


@pytest.mark.parametrize("pair", [*table(EQUAL), *MORE_EQUAL])
def test_the_same_in_other_characters_is_equal(pair):
    for texts in (pair, pair[::-1]):
        one, other = normal(texts)
        assert one == other and one


@pytest.mark.parametrize("pair", [*table(DIFFERENT), *MORE_DIFFERENT])
def test_what_means_something_else_is_not(pair):
    for texts in (pair, pair[::-1]):
        one, other = normal(texts)
        assert one != other


def squad(text):
    """Of the official evaluation script, version 1.1."""
    text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split()).split()


def test_ordinary_prose_is_that_of_squad():
    rng = random.Random(1)
    words = 'The a an cache\'s L1 state-of-the-art U.S. and/or (saves) 32 1,000 energy; GPT-4 "x" e.g. A'
    for _ in range(500):
        text = rng.choice([" ", "  ", "\n"]).join(
            rng.choices(words.split(), k=rng.randrange(2, 12))
        )
        text += rng.choice(["", ".", "!", "?", "..."])
        assert prose(text) == (squad(text) or prose(text))


@pytest.mark.parametrize(
    ("text", "form"),
    [("-5", "numbers"), ("about 1.5 ms", "numbers"), ("3–5 %", "numbers"), ("5 apples", "prose"),
     ("x+1", "code"), ("f(x)", "code"), ("max_length", "code"), ("for i in x:\n    f(i)", "code"),
     ("int a = b;", "code"), ("SELECT a FROM b", "code"), ("if (a) {\n  b();\n}", "code"),
     ("state-of-the-art", "prose"), ("GPT-4", "prose"), ("I/O", "prose"), ("k-means", "prose"),
     ("cache(s)", "prose"), ("Energy (J)", "prose"), ("salt + pepper", "prose"), ("A", "prose"),
     ("The loss f(x) falls with x + 1 steps", "prose"), ("first;\nsecond;", "prose"), ("", "prose")],
)  # fmt: skip
def test_the_form_is_that_of_the_reference(text, form):
    assert form_of(text) == form


SENTENCES = {
    "缓存节省能量": 6, "キャッシュは省エネ": 9, "แคชประหยัด": 9, "ឃ្លាំង": 3, "ແຄຊ": 3, "ကက်ရှ်": 3,
    "Кэш экономит энергию": 3, "Η μνήμη εξοικονομεί": 3, "الذاكرة توفر الطاقة": 3,
    "המטמון חוסך אנרגיה": 3, "कैश ऊर्जा बचाता है": 4, "캐시는 에너지를 절약": 3, "The cache": 2,
    "GPU缓存": 3,
}  # fmt: skip


def test_words_are_found_in_every_script():
    for text, count in SENTENCES.items():
        assert len(tokens(text)) == count, tokens(text)
        assert "".join(tokens(f"{text}。")) == "".join(tokens(text))
    assert spaced("GPU缓存。x") == "GPU 缓  存  。 x"


@pytest.mark.slow
def test_any_text_is_read_in_linear_time():
    units = ["a ", " ", "1,", "'", ".", "...1", "缓", "ก็", "1 000 ", "x+", "a_", "`", "```\n", "f(",
             "1e", "\u0301", "½", "²", "5 m/", "- 1", "\n\t", "if a:\n", "= ;", "SELECT ", "<a "]  # fmt: skip
    for unit in units:
        text = "x." + unit * (20_000 // len(unit)) + "x"
        for read in (prose, numbers, code, tokens, spaced, form_of):
            with at_most(1):
                read(text)
