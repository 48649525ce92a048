"""Metrics of answers that are programs: whether they pass their tests, and are well formed.

The two are separate because training can improve one and harm the other.
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
    """The outcomes of programs that were run."""

    def passed(self, answer: Answer) -> list[bool] | None:
        """Whether each sample passed; ``None`` if that cannot be determined."""


def samples_of(answer: Answer) -> list[str]:
    """All sampled answers."""
    return answer.samples or [answer.text]


def problem_of(answer: Answer) -> Problem:
    """The problem that the answer solves."""
    return Problem(answer.question, answer.check, answer.entry_point)


def pass_at_k(n: int, passed: int, k: int) -> float:
    """The probability that at least one of k samples passes, given ``passed`` of n drawn.

    The unbiased estimate 1 − C(n − c, k) / C(n, k) of Chen et al. 2021, equation 1.
    """
    if not 1 <= k <= n:
        raise ValueError(f"{n} samples are too few for k = {k}")
    return 1.0 - math.comb(n - passed, k) / math.comb(n, k)


def _passing(k: int, answer: Answer, outcomes: Outcomes | None) -> Parts | None:
    passed = outcomes.passed(answer) if outcomes is not None and answer.check else None
    if passed is None or len(passed) < k:
        return None
    return (pass_at_k(len(passed), sum(passed), k),)


for _name, _k in PASSING.items():
    METRICS[_name] = Metric(
        _name,
        f"Probability that at least one of {_k} answers is a program that passes its tests"
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
    """Share of answers that are valid Python, together with the question if that is code to
    continue, whether right or not. Only for questions whose answers are checked by tests.
    """
    return _share(answer, lambda problem, text: compiles(code_of(problem, text)))


@metric("Signature", of_text=False)
def signature(answer: Answer, _: object) -> Parts | None:
    """Share of answers that define the required function, with as many arguments as in the question
    (or, if that is not code, in the reference).
    """

    def good(problem: Problem, text: str) -> bool:
        return same_arguments(problem, code_of(problem, text), answer.reference)

    return _share(answer, good)


@metric("Only code", of_text=False)
def only_code(answer: Answer, _: object) -> Parts | None:
    """Share of answers that are code and nothing else: no word before or after it, nothing left
    unfinished. Fences around it do not count as words.
    """
    return _share(answer, is_code_alone)
