"""Metrics of repetition: how much of an answer repeats, how many answers repeat, and from where."""

import math

import numpy as np

from papertune.metrics.characters import folded, spaced
from papertune.metrics.metric import Embeddings, Parts, metric
from papertune.records import Answer

RUN = 4  # words


@metric("Repetition", higher_is_better=False, of_text=False, needs_reference=False)
def repetition(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of an answer's sequences of four words (in scripts without spaces between words, of
    four characters) that repeat an earlier one. Answers of fewer than four words repeat nothing.
    """
    grams = runs(answer.text)
    return (1 - len(set(grams)) / len(grams) if grams else 0.0,)


@metric("Answers that repeat", higher_is_better=False, of_text=False, needs_reference=False)
def repeats(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of answers in which a sequence of four words (in scripts without spaces between words,
    of four characters) occurs more than once.
    """
    return (float(begins(answer.text) is not None),)


def _mean(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]


@metric(
    "Repetition begins",
    parts=("words", "answers"),
    combine=_mean,
    unit="words",
    bounds=(0.0, math.inf),
    higher_is_better=None,
    digits=1,
    of_text=False,
    needs_reference=False,
)
def repetition_begins(answer: Answer, _: Embeddings | None) -> Parts:
    """Number of words before the first repeated sequence of four words, on average over the answers
    that repeat themselves. Neither more nor less is better.
    """
    found = begins(answer.text)
    return (0.0, 0.0) if found is None else (float(found), 1.0)


def runs(text: str) -> list[tuple[str, ...]]:
    """A text's sequences of four words, in their order."""
    words = folded(spaced(text)).split()
    return list(zip(*(words[start:] for start in range(RUN)), strict=False))


def begins(text: str) -> int | None:
    """The number of words before the first repeated sequence; None without repetition."""
    seen: set[tuple[str, ...]] = set()
    for place, run in enumerate(runs(text)):
        if run in seen:
            return place
        seen.add(run)
    return None
