"""Answers that are programs: whether they pass their tests, and whether they are well formed.

The two are told apart because training can better the one and harm the other.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

from papertune.metrics.metric import METRICS, Metric, Parts, metric
from papertune.records import Answer
from papertune.sandbox.program import Problem, code_of, compiles, is_code_alone, same_arguments

PASSING = {f"pass@{k}": k for k in (1, 10, 100)}


class Outcomes(Protocol):
    """What became of programs that were run."""

    def passed(self, answer: Answer) -> list[bool] | None:
        """Of each sample whether it passed; ``None`` where that cannot be told."""


def samples_of(answer: Answer) -> list[str]:
    """All answers that were drawn."""
    return answer.samples or [answer.text]


def problem_of(answer: Answer) -> Problem:
    """What the answer is to."""
    return Problem(answer.question, answer.check, answer.entry_point)


def pass_at_k(n: int, passed: int, k: int) -> float:
    """The chance that of k samples one passes, where of n drawn ones so many did.

    The unbiased estimate 1 − C(n − c, k) / C(n, k) of Chen et al. 2021, equation 1.
    """
    if not 1 <= k <= n:
        raise ValueError(f"of {n} samples none can tell about {k}")
    return 1.0 - math.comb(n - passed, k) / math.comb(n, k)


def _passing(k: int, answer: Answer, outcomes: Outcomes | None) -> Parts | None:
    passed = outcomes.passed(answer) if outcomes is not None and answer.check else None
    if passed is None or len(passed) < k:
        return None
    return (pass_at_k(len(passed), sum(passed), k),)


for _name, _k in PASSING.items():
    METRICS[_name] = Metric(
        _name,
        f"How likely of {_k} answers at least one is a program that passes its tests"
        if _k > 1
        else "Share of answers that are programs and pass their tests",
        partial(_passing, _k),
        of_text=False,
        runs=True,
    )


def _share(answer: Answer, good: Callable[[Problem, str], bool]) -> Parts | None:
    if not answer.check:
        return None
    texts, problem = samples_of(answer), problem_of(answer)
    return (sum(bool(text.strip()) and good(problem, text) for text in texts) / len(texts),)


@metric("Parses", of_text=False)
def parses(answer: Answer, _: object) -> Parts | None:
    """Share of answers that are Python, with the question where that is code to go on from; whether
    they are right is not asked. Only of questions whose answers are checked by tests.
    """
    return _share(answer, lambda problem, text: compiles(code_of(problem, text)))


@metric("Signature", of_text=False)
def signature(answer: Answer, _: object) -> Parts | None:
    """Share of answers that define the function asked for, with as many arguments as the question
    gives it (or, where that is no code, the reference).
    """

    def good(problem: Problem, text: str) -> bool:
        return same_arguments(problem, code_of(problem, text), answer.reference)

    return _share(answer, good)


@metric("Only code", of_text=False)
def only_code(answer: Answer, _: object) -> Parts | None:
    """Share of answers that are code and nothing else: no word before or after it, nothing left
    unfinished. Fences around it are no words.
    """
    return _share(answer, is_code_alone)
