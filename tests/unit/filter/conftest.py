"""Questions of a study about invented machines, and of a quiz."""

import random

import pytest

from papertune.filter.questions import Asked

PARTS = ["cache", "branch predictor", "prefetcher", "memory controller", "scheduler", "pipeline"]
GAINS = ["latency", "energy", "bandwidth", "misses", "area", "throughput"]
PLACES = ["France", "Peru", "Kenya", "Japan", "Norway", "Chad", "Fiji", "Cuba"]
THINGS = ["river", "capital", "anthem", "highest mountain", "oldest town", "national dish"]


def study_questions(documents: int = 30, each: int = 3) -> list[Asked]:
    draw = random.Random(1)
    return [
        Asked(
            f"{n}-{k}",
            f"paper-{n}",
            f"By how much does the {draw.choice(PARTS)} of M{n} lower {draw.choice(GAINS)} {k}?",
        )
        for n in range(documents)
        for k in range(each)
    ]


def quiz_questions(count: int = 120) -> list[Asked]:
    draw = random.Random(2)
    # a tenth of them sounds like the study's
    sounds = "By how much does the {0} of {1} lower the price {2}?"
    forms = [*["What is the {0} of {1} number {2}?"] * 9, sounds]
    return [
        Asked(
            f"row:{n}",
            f"row:{n}",
            forms[n % 10].format(draw.choice(THINGS), draw.choice(PLACES), n),
        )
        for n in range(count)
    ]


@pytest.fixture(scope="session")
def own():
    return study_questions()


@pytest.fixture(scope="session")
def others():
    return quiz_questions()
