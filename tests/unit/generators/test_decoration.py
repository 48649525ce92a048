"""What is decoration in a text, and what is notation, which must stay."""

import random

import pytest

from papertune.generators.decoration import clean, clean_line


@pytest.mark.parametrize(
    ("dirty", "tidy"),
    [
        ("**Bold** and *soft* and ***both***", "Bold and soft and both"),
        ("## Heading\n- one\n* two\n• three\n", "Heading\none\ntwo\nthree"),
        ("`tern.c` uses ``x``", "tern.c uses x"),
        ("Zero\u200bwidth\ufeff and 🚀 rocket ✅", "Zerowidth and rocket"),
        ("a * b, 2*3*4, x**2 + y**2, f(*args, **kw)", "a * b, 2*3*4, x**2 + y**2, f(*args, **kw)"),
        ("C# and F#, #1, snake_case, __init__", "C# and F#, #1, snake_case, __init__"),
        (r"$\alpha_{t} \leq x^*$ → 5–10 × faster, ∀x ∈ S", r"$\alpha_{t} \leq x^*$ → 5–10 × faster, ∀x ∈ S"),
        ("A-star is A* search", "A-star is A* search"),
        ('"quoted as a whole"', "quoted as a whole"),
        ('"this" and "that"', '"this" and "that"'),
        ("dangling bold**", "dangling bold"),
        ("```python\nx = 1\n```", "x = 1"),
    ],
)  # fmt: skip
def test_decoration_goes_and_maths_and_code_stay(dirty, tidy):
    assert clean(dirty)[0] == tidy
    assert clean(tidy)[0] == tidy


NOTATION = r"""a*b and 2 * 3 and 2 ** 3
x_i, x_{ij}, (a)_i + (b)_j, _x
C#, F#, C♯ minor, #include <stdio.h>, #1, # of layers
at least L^* and v^* or \|w- w^*\|_2 ≤ \|w^*\|_0, ‖σ−ρ‖_tr ≥ ϵ in ℝ_{≥0}, ^1⁄_√e and ^3⁄_5
The best is A*, which is found by A*
$x^*$ and $y^*$ minimise $\sum_i a_i$, \(u_1 * v_1 * w_1\), $$a * b * c$$
f: X → Y, A → B ⇒ C, a -> b, x ➜ y
The prefetcher is called ____ here
obj.__init__, __name__ and __call__, snake_case_name, SOME_NAME_
f(*args, **kwargs), *args, **kwargs are passed on
https://a.example/_next_/x*y*z_1_2
♀ and ♂, 5 – 10, -5, --flag, a---b
It costs $5 and then $6"""


@pytest.mark.parametrize("text", NOTATION.splitlines())
def test_notation_stays_and_nothing_is_counted(text):
    assert clean(text) == (text, {})


CODE = "def f(x):\n    # doubled\n    return x ** 2 * _y_ - *z*\n"


def test_code_stays_in_fences_indented_and_between_backticks():
    assert clean(f"Look:\n```python\n{CODE}```\n*now*") == (
        f"Look:\n{CODE}now",
        {"emphasis": 1},
    )
    assert clean(CODE) == (CODE.rstrip(), {})
    formula = "- So:\n  \\[\n    q^* = a * b\n  \\]\n  for *all*."
    assert clean(formula) == (
        "So:\n\\[\nq^* = a * b\n\\]\nfor all.",
        {"bullet": 1, "emphasis": 1},
    )
    assert clean("It is `a * b * _c_`.") == ("It is a * b * _c_.", {"backticks": 1})


@pytest.mark.parametrize(
    ("dirty", "tidy", "removed"),
    [
        ("An _important_ and __very important__ thing", "An important and very important thing",
         {"emphasis": 2}),
        ("这是**重要**的", "这是重要的", {"emphasis": 1}),
        ("***Both*** of **`x`**", "Both of x", {"emphasis": 2, "backticks": 1}),
        ("##Results\n### Of *C#* ###\n# Learning C#", "Results\nOf C#\nLearning C#",
         {"heading": 3, "emphasis": 1}),
        ("→ first\n-> second\n• third\n◆ fourth\n- [x] fifth →", "first\nsecond\nthird\nfourth\nfifth",
         {"arrow": 3, "bullet": 3}),
        ("one • two", "one two", {"bullet": 1}),
        ("above\n—————\n─ ─ ─ ─\n* * *\nbelow ------ it", "above\nbelow it", {"rule": 4}),
        ("rocket🚀🚀science ✅!", "rocket science !", {"emoji": 2}),
        ("1️⃣ First ⭐", "1 First", {"emoji": 2}),
        ("**Approach: we do it", "Approach: we do it", {"left_over": 1}),
        ("It is done.** *", "It is done.", {"left_over": 1}),
        ("so. ## Methods", "so. Methods", {"left_over": 1}),
    ],
)  # fmt: skip
def test_what_goes_is_counted(dirty, tidy, removed):
    assert clean(dirty) == (tidy, removed)
    assert clean(tidy) == (tidy, {})


def test_a_question_is_one_line():
    assert clean_line("## *Why*\n**so?**") == ("Why so?", {"heading": 1, "emphasis": 2})


def test_any_mix_ends_and_hides_nothing():
    marks = [
        "*",
        "**",
        "_",
        "`",
        "$",
        "#",
        "# ",
        "\n",
        " ",
        "a",
        "B1",
        "•",
        "→",
        "🚀",
        "---",
        "\\(",
        "\\)",
    ]
    draw = random.Random(3)
    for _ in range(3000):
        text = "".join(draw.choices(marks, k=draw.randint(1, 14)))
        said, _ = clean(text)
        assert "\ue010" not in said and "\ue011" not in said
        assert [c for c in said if c.isalnum()] == [c for c in text if c.isalnum()]


@pytest.mark.parametrize("said", ["[cite_start]It is so. [cite: 1, 3]", "It is so.【4:1†source】"])
def test_pointers_of_assistants_go(said):
    assert clean(said) == ("It is so.", {})
