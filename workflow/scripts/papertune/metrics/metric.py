"""The definition of a metric, and the registry of metrics by name.

A metric turns one answer into *parts*, numbers that are summed over answers; ``combine`` turns
sums of parts into the value of a cell. For a plain mean the parts are the value and 1. Perplexity
sums negative log-likelihoods and tokens, corpus BLEU sums matching n-grams: so both are exact
for a cell and for every subset of it, which a mean of per-answer values would not be.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from papertune.records import Answer

Parts = tuple[float, ...]


class Embeddings(Protocol):
    """Sentence embeddings of answers and references."""

    def cosine(self, first: str, second: str) -> float:
        """Similarity of two texts in meaning, from -1 to 1."""

    def unread(self, text: str) -> float:
        """Share of a text's pieces that the embedder does not know, 0 to 1."""


# the parts of one answer, None if the metric is not defined for it; the second argument is what the
# metric needs: embeddings, or outcomes of programs
Measure = Callable[[Answer, Any], Parts | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to judge answers."""

    label: str  # name for people
    description: str  # what it measures and how, for the report
    measure: Measure
    parts: tuple[str, ...] = ()  # names of the parts; none for a plain mean
    # sums of parts, shape (..., parts), to values, shape (...)
    combine: Callable[[np.ndarray], np.ndarray] | None = None
    unit: str = "0 to 1"  # range or unit of a cell's value
    bounds: tuple[float, float] = (0.0, 1.0)  # limits of a cell's value and of its interval
    higher_is_better: bool | None = True  # None: neither is
    digits: int = 3  # after the point, in tables
    needs_reference: bool = True  # not defined for a probe without a reference
    by_people: bool = False  # by raters: an experiment cannot request it
    of_text: bool = True  # judges an answer's text, so it also applies to a shortened answer
    texts: Callable[[Answer], tuple[str, ...]] | None = None
    runs: bool = False  # answers are programs that must be run before they are measured
    embedder: str = ""  # the experiment's name of the embedder; empty for its first one
    signature: Callable[[], str] | None = None  # a library's description of its exact computation

    @property
    def in_words(self) -> str:
        """The label within a sentence: names such as BLEU or F1 keep their capitals."""
        return self.label if any(map(str.isupper, self.label[1:])) else self.label.lower()

    @property
    def wish(self) -> str:
        """Which values are better, in words."""
        if self.higher_is_better is None:
            return "neither more nor less is better"
        return f"{'higher' if self.higher_is_better else 'lower'} is better"

    def of_answer(self, parts: Parts) -> float:
        """The value of a single answer."""
        return parts[0] if self.combine is None else float(self.combine(np.array(parts)))

    def of_cell(self, sums: np.ndarray) -> np.ndarray:
        """The value of a cell from sums of parts, shape (..., parts); for a mean, (sum, count)."""
        if self.combine is not None:
            return self.combine(sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[..., 0] / sums[..., 1]


METRICS: dict[str, Metric] = {}


def metric(label: str, **more: Any) -> Callable[[Measure], Measure]:
    """Register a function that measures an answer as a metric; its docstring is the description."""

    def enter(measure: Measure) -> Measure:
        description = " ".join((measure.__doc__ or "").split())
        METRICS[measure.__name__] = Metric(label, description, measure, **more)
        return measure

    return enter


def metric_named(name: str) -> Metric:
    """Look up a metric by name; raises KeyError if there is none.

    ``similarity@NAME`` is the similarity by the experiment's embedder NAME.
    """
    own, at, embedder = name.partition("@")
    if name in METRICS or not at or not METRICS[own].texts:
        return METRICS[name]
    whole = METRICS[own]
    label = f"{whole.label} ({embedder})"
    return replace(
        whole, label=label, description=f"By {embedder}: {whole.description}", embedder=embedder
    )


def describe(name: str) -> str:
    """A metric's description for the report, with its library's signature if there is one."""
    chosen = metric_named(name)
    signed = f" Signature: {chosen.signature()}." if chosen.signature else ""
    return chosen.description + signed


def part_keys(name: str) -> list[str]:
    """The keys of a score's values that hold a metric's parts; the value itself for a mean."""
    return [f"{name}.{part}" for part in metric_named(name).parts] or [name]
