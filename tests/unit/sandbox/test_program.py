"""The program that is run, from what a model wrote."""

import textwrap

import pytest

from papertune.metrics.programs import problem_of
from papertune.records import Answer
from papertune.sandbox.program import (
    Problem,
    code_of,
    compiles,
    is_code_alone,
    program_of,
    same_arguments,
)
from time_limit import at_most

ASKED = 'from typing import List\n\n\ndef total(xs: List[int], start: int = 0) -> int:\n    """The sum."""'
CHECK = "def check(f):\n    assert f([1, 2]) == 3\n    assert f([1], 4) == 5\n"
BODY = "    for x in xs:\n        start += x\n    return start"
WHOLE = f"def total(xs, start=0):\n{BODY}"
PROBLEM = Problem(ASKED, CHECK, "total")


def passes(program: str) -> bool:
    """Only programs of this file are run here."""
    try:
        exec(compile(program, "program.py", "exec"), {"__name__": "program"})
    except Exception:
        return False
    return True


RIGHT = {
    "the body": BODY,
    "its first indentation lost": BODY.lstrip(),
    "all indentation lost": textwrap.dedent(BODY),
    "one line": "return start + sum(xs)",
    "ended by a function that is not finished": f"{BODY}\n\n\ndef main():\n    print(",
    "ended by calls": f"{BODY}\n\nprint(total(input()))\n",
    "ended by a comment": f"{BODY}\n# Example:\nassert total([]) == 1",
    "ended by the fence of the question": f"{BODY}\n```\nThis sums the numbers.",
    "whole": WHOLE,
    "whole with its own imports": f"import math\n\n{WHOLE}",
    "whole with types of the question's imports": f"{ASKED}\n{BODY}",
    "with imports that must come first": f"from __future__ import annotations\n\n{ASKED}\n{BODY}",
    "in a fence": f"Sure!\n\n```python\n{WHOLE}\n```\nIt adds up.",
    "in a fence that is not closed": f"Sure!\n```py\n{WHOLE}\n\nprint(tot",
    "in the second of two": f"First:\n```sh\npip install x\n```\nthen\n```python\n{WHOLE}\n```\n",
    "in two parts": f"```python\nimport math\n```\nand\n```python\n{WHOLE}\n```",
    "among words": f"The function is:\n\n{WHOLE}\n\nIt adds up the numbers.",
    "body in a fence": f"```python\n{BODY}\n```",
    "with other ends of lines": f"```python\r\n{WHOLE}\r\n```".replace("\n    ", "\r\n    "),
    "helpers after it": f"{WHOLE.replace('start += x', 'start = add(start, x)')}\n\n\n"
    "def add(a, b):\n    return a + b\n",
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_right_answers_pass(text):
    assert passes(program_of(PROBLEM, text)), program_of(PROBLEM, text)
    assert same_arguments(PROBLEM, code_of(PROBLEM, text), WHOLE)


@pytest.mark.parametrize(
    "text", ["", "I do not know.", "    return 3", "    pass", WHOLE.replace("+=", "-="), "```", "def",
             "x = (", "def other(xs):\n    return 3"],
)  # fmt: skip
def test_wrong_answers_do_not(text):
    assert not passes(program_of(PROBLEM, text))


def test_questions_in_words():
    """What is called is named beside them; a check of plain assertions is run as it is."""
    problem = Problem("Write a function to add two numbers.", "assert add(1, 2) == 3", "add")
    right = "Here:\n```python\ndef add(a, b):\n    return a + b\n```"
    assert passes(program_of(problem, right)) and not passes(program_of(problem, "a + b"))
    assert same_arguments(problem, code_of(problem, right), "def add(x, y): return y + x")
    assert not same_arguments(problem, code_of(problem, right), "def add(x): return x")
    assert not same_arguments(problem, "def plus(a, b): return 3", "def add(a, b): return 3")


def test_methods():
    check = "def check(f):\n    assert f([2, 7], 9) == [0, 1]"
    begun = "class Solution:\n    def twoSum(self, nums, target):\n        "
    problem = Problem(begun, check, "Solution().twoSum")
    right = f"```python\n{begun}return [0, 1]\n```"
    assert passes(program_of(problem, right))
    assert same_arguments(problem, code_of(problem, right), "")


def test_helpers_of_the_question_are_there():
    asked = "def half(x):\n    return x / 2\n\n\ndef quarter(x):\n    '''A fourth.'''"
    problem = Problem(asked, "def check(f):\n    assert f(8) == 2\n\n\ncheck(quarter)", "")
    assert problem.called == "quarter"
    assert passes(program_of(problem, "```python\ndef quarter(x):\n    return half(half(x))\n```"))
    assert program_of(problem, "    return 2").count("check(quarter)") == 1


FORMS = {  # compiles, has the arguments, is nothing but code
    BODY: (True, True, True),
    WHOLE: (True, True, True),
    f"```python\n{WHOLE}\n```": (True, True, True),
    f"Sure!\n```python\n{WHOLE}\n```": (True, True, False),
    "def total(xs):\n    return 3": (True, False, True),
    "    return (": (False, False, False),
    f"{BODY}\n\n\ndef main():\n    print(": (True, True, False),
    "I cannot do that.": (False, False, False),
}


@pytest.mark.parametrize(("text", "form"), FORMS.items())
def test_form(text, form):
    code = code_of(PROBLEM, text)
    assert (compiles(code), same_arguments(PROBLEM, code, ""), is_code_alone(PROBLEM, text)) == form


HOSTILE = [
    "(" * 50_000, "-" * 90_000 + "1", "[" * 90_000, "a" + ".b" * 30_000, "1" + "+1" * 45_000,
    "\n".join(" " * n + "if 1:" for n in range(400)), "```\n" * 30_000, "def f\0", "x = '\ud800'",
    "foo bar\n" * 12_000, "def total(xs):\n" + "  y\n" * 40_000, "x = 9**9**9**9", "a b\n" * 10**6,
    "def total(x):\n    y = (\n" * 3_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_odd_answers_are_read_in_time_and_never_run(text):
    with at_most(10):
        program_of(PROBLEM, text)
        code = code_of(PROBLEM, text)
        compiles(code)
        same_arguments(PROBLEM, code, "")
        is_code_alone(PROBLEM, text)


def test_an_answer_knows_its_problem():
    answer = Answer("p", "d", 0, "q", "r", "t", 0.0, 0, 1, False, check="c", entry_point="e")
    assert problem_of(answer) == Problem("q", "c", "e")
