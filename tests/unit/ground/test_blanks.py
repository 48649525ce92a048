"""Code keeps its indentation, prose does not keep its blanks."""

import json
import textwrap

import pytest

from papertune.demo.papers import papers
from papertune.generators.decoration import clean
from papertune.generators.reading import pairs_in
from papertune.sentences import edged, flowed, has_code

CODE = {
    "python": "def mean(xs):\n    total = 0\n"
    "    for x in xs:\n        total += x\n    return total / len(xs)",
    "completion": "    return [x for x in xs if x ** 2 > 4]",
    "several": "    seen = set()\n\n"
    "    for x in xs:\n        if x in seen:\n            return x\n        seen.add(x)",
    "tabs": "int main() {\n\tint x = 3;\n\treturn x;\n}",
    "javascript": "const f = (x) => {\n  if (x > 2) {\n    return x * 2;\n  }\n};",
    "yaml": "env:\n  size: one\n  paths:\n    - two",
    "shell": "for i in *; do\n  echo $i\ndone",
    "lisp": "(define (f x)\n  (if x\n      1\n      (g 2)))",
    "emphasis": "def f(*args, **kwargs):\n    # a comment\n    return g(*args, **kwargs)",
}
PROSE = [
    "  First we go home.\n  Then we return to base.",
    "Steps:\n  - one\n  - two\n    1. three",
    *(textwrap.indent(textwrap.fill(paper.abstract, 60), "    ") for paper in papers(2010, 12, 1)),
]


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_code_keeps_its_lines_and_their_indentation(code: str) -> None:
    assert has_code(code)
    assert edged(f"\n\n{code}  \n") == flowed(f"{code}\n") == clean(f"\n{code}\n\n")[0] == code


@pytest.mark.parametrize("prose", PROSE)
def test_prose_loses_its_blanks_as_before(prose: str) -> None:
    assert not has_code(prose)
    assert edged(f" \n{prose} ") == prose.strip()
    assert flowed(prose) == " ".join(prose.split())


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
@pytest.mark.parametrize(
    "written",
    [
        '[{{"question": "How is it done?", "answer": {json}}}]',
        'Here it is:\n```json\n[{{"question": "How is it done?", "answer": {json}}}]\n```',
        "Question: How is it done?\nAnswer:\n{code}\n",
        "**Q1:** How is it done?\n**A1:**\n```python\n{code}\n```\n\n**Q2:** And why so?\n**A2:** It is.",
        "1. How is it done?\n{code}\n",
    ],
)
def test_a_reply_with_code_gives_its_answer_as_it_is(written: str, code: str) -> None:
    said = pairs_in(written.format(code=code, json=json.dumps(code)))
    assert said[0][:2] == ("How is it done?", code)


def test_code_in_a_fence_is_left_and_the_prose_around_it_is_cleaned() -> None:
    code = "x = [\n    1,\n]\n# **not bold**"
    for text, tidy in (
        (f"Use **this**:\n\n```python\n{code}\n```\n- *done*", f"Use this:\n{code}\ndone"),
        ("```\nIt is **bold**.\n```", "It is bold."),
        ("Run:\n```\nall:\n\tgcc a.c\n```", "Run:\nall:\n\tgcc a.c"),
    ):
        assert clean(text)[0] == tidy
    question = f"What does this print?\n```python\n{CODE['python']}\n```"
    [(asked, _, _)] = pairs_in(f"Question: {question}\nAnswer: The mean.")
    assert asked == f"What does this print?\n{CODE['python']}"
