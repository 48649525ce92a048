"""The metrics: what each one measures, and the parts from which a cell of the matrix is made.

A metric turns one answer into *parts*, numbers that are added up over answers; ``combine`` turns
sums of parts into the value of a cell. For a plain mean the parts are the value and 1. Perplexity
adds up negative log-likelihoods and tokens, corpus BLEU adds up matching n-grams: so both are
right for a cell and for every resample of it, which a mean of per-answer values would not be.
"""

import re
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from papertune.records import Answer

Parts = tuple[float, ...]


class Embeddings(Protocol):
    """Sentence embeddings of answers and references."""

    def cosine(self, first: str, second: str) -> float:
        """How close two texts are in meaning, from -1 to 1."""


# the parts of one answer, None where the metric is not defined for it
Measure = Callable[[Answer, Embeddings | None], Parts | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to judge answers."""

    label: str  # how people call it
    description: str  # what it measures and how, for the report
    measure: Measure
    parts: tuple[str, ...] = ()  # names of the parts; none for a plain mean
    # sums of parts, shape (..., parts), to values, shape (...)
    combine: Callable[[np.ndarray], np.ndarray] | None = None
    unit: str = "0 to 1"  # range or unit of a cell's value
    higher_is_better: bool = True
    digits: int = 3  # after the point, in tables

    def of_answer(self, parts: Parts) -> float:
        """The value of a single answer."""
        return parts[0] if self.combine is None else float(self.combine(np.array(parts)))

    def of_cell(self, sums: np.ndarray) -> np.ndarray:
        """The value of a cell from sums of parts, shape (..., parts); mean metrics: (sum, count)."""
        if self.combine is not None:
            return self.combine(sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[..., 0] / sums[..., 1]


METRICS: dict[str, Metric] = {}


def _metric(label: str, **more: Any) -> Callable[[Measure], Measure]:
    """Make a function that measures an answer a metric; its docstring is the description."""

    def enter(measure: Measure) -> Measure:
        description = " ".join((measure.__doc__ or "").split())
        METRICS[measure.__name__] = Metric(label, description, measure, **more)
        return measure

    return enter


@_metric("Similarity", unit="cosine, −1 to 1")
def similarity(answer: Answer, embeddings: Embeddings | None) -> Parts:
    """Cosine of the sentence embeddings of the answer and the reference answer: closeness in
    meaning. Unrelated texts get about 0 to 0.2; an empty answer gets 0.
    """
    assert embeddings is not None  # Reimers and Gurevych 2019
    return (embeddings.cosine(answer.text, answer.reference),)


@_metric("BLEU (sentence)")
def bleu(answer: Answer, _: Embeddings | None) -> Parts:
    """Word sequences of up to four that the answer shares with the reference, per answer (NLTK,
    Treebank tokens, smoothing method 1: 0.1 in the place of zero matches; shorter sequences for
    answers of fewer than four tokens).
    """
    # Papineni et al. 2002; Chen and Cherry 2014, whose method 1 leaves every other precision alone
    # and so stays closest to unsmoothed BLEU, which is 0 for nearly every short answer. A correct
    # one-word answer would get 0.18 if it were asked for longer sequences
    from nltk.tokenize import word_tokenize
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    reference, hypothesis = (
        word_tokenize(text, preserve_line=True) for text in (answer.reference, answer.text)
    )
    if not reference or not hypothesis:
        return (0.0,)
    smoothing = SmoothingFunction().method1
    value = sentence_bleu([reference], hypothesis, smoothing_function=smoothing, auto_reweigh=True)
    return (float(value),)


@cache
def _sacrebleu() -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(effective_order=True)  # changes no counts; keeps sentence_score from warning


def combine_bleu(sums: np.ndarray) -> np.ndarray:
    """Corpus BLEU, 0 to 100, of summed counts of shape (..., 10).

    sacrebleu's formula with its default smoothing (``exp``: the k-th order without a match counts
    as 1/2^k matches), for all resamples of a cell at once; a test holds the two together.
    """
    sums = np.asarray(sums, dtype=float)
    written, reference = sums[..., 0], sums[..., 1]
    matches, ngrams = sums[..., 2:6], sums[..., 6:10]
    smoothed = np.where(matches > 0, matches, 0.5 ** np.cumsum(matches == 0, axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.log(smoothed / ngrams).mean(axis=-1)
        brevity = np.minimum(0.0, 1 - reference / written)
        score = 100 * np.exp(precision + brevity)
    # an answer too short for 4-grams in all its cell, or with no match at all, scores nothing
    return np.where((ngrams > 0).all(axis=-1) & matches.any(axis=-1), score, 0.0)


@_metric(
    "BLEU (corpus)",
    parts=(
        *("answer_length", "reference_length"),
        *(f"{what}_{n}" for what in ("matches", "ngrams") for n in range(1, 5)),
    ),
    combine=combine_bleu,
    unit="0 to 100",
    digits=1,
)
def corpus_bleu(answer: Answer, _: Embeddings | None) -> Parts:
    """BLEU over all answers of a cell at once, as sacrebleu computes it. Not the mean of sentence
    BLEU.
    """
    # Post 2018: lengths, matches and n-grams are what it adds up
    counts = _sacrebleu().sentence_score(answer.text, [answer.reference])
    return (counts.sys_len, counts.ref_len, *counts.counts, *counts.totals)


def longest_common(first: list[str], second: list[str]) -> int:
    """How many words the longest sequence has that both lists share, gaps allowed.

    The usual table of both lengths has billions of cells for two long texts. This is a column of
    it as the bits of one number, 0 where the sequence grows (Hyyrö 2004).
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    whole = column = (1 << len(first)) - 1
    for word in second:
        if matches := column & places.get(word, 0):
            column = (column + matches | column - matches) & whole
    return len(first) - column.bit_count()


@_metric("ROUGE-L")
def rouge_l(answer: Answer, _: Embeddings | None) -> Parts:
    """F1 of the longest sequence of words, gaps allowed, that answer and reference share
    (rouge-score, no stemming; counts Latin letters and digits only).
    """  # Lin 2004
    from rouge_score.scoring import fmeasure
    from rouge_score.tokenize import tokenize

    written, reference = tokenize(answer.text, None), tokenize(answer.reference, None)
    if not written or not reference:
        return (0.0,)
    shared = longest_common(*sorted((written, reference), key=len))
    return (float(fmeasure(shared / len(written), shared / len(reference))),)


def squad_tokens(text: str) -> list[str]:
    """SQuAD's normalisation (Rajpurkar et al. 2016): lower case, no punctuation, no articles."""
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


@_metric("Token F1")
def token_f1(answer: Answer, _: Embeddings | None) -> Parts:
    """F1 of the words that answer and reference share in any order, without case, punctuation and
    articles (as in SQuAD).
    """
    written, reference = squad_tokens(answer.text), squad_tokens(answer.reference)
    if not written or not reference:
        return (float(written == reference),)
    shared = (Counter(written) & Counter(reference)).total()
    return (2 * shared / (len(written) + len(reference)),)


@_metric("Exact match")
def exact_match(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of answers that equal the reference, without case, punctuation and articles."""
    return (float(squad_tokens(answer.text) == squad_tokens(answer.reference)),)


def combine_perplexity(sums: np.ndarray) -> np.ndarray:
    """exp(nats per token) of sums of shape (..., 2)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.exp(sums[..., 0] / sums[..., 1])


@_metric(
    "Perplexity",
    parts=("nll", "tokens"),
    combine=combine_perplexity,
    unit="1 or more",
    higher_is_better=False,
    digits=2,
)
def perplexity(answer: Answer, _: Embeddings | None) -> Parts | None:
    """How surprised the model is by the reference answer: exp of the mean negative log-likelihood
    per token. Comparable only between models with the same tokenizer.
    """
    if not answer.reference_tokens:
        return None
    return (answer.reference_nll, float(answer.reference_tokens))


@_metric("Repetition", higher_is_better=False)
def repetition(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of an answer's sequences of four words that repeat an earlier one. Answers of fewer
    than four words repeat nothing.
    """
    words = answer.text.lower().split()
    grams = list(zip(*(words[start:] for start in range(4)), strict=False))
    return (1 - len(set(grams)) / len(grams) if grams else 0.0,)


def describe(name: str) -> str:
    """A metric's description for the report, with sacrebleu's signature where there is one."""
    if name != "corpus_bleu":
        return METRICS[name].description
    from sacrebleu.metrics import BLEU

    metric = BLEU()
    metric.corpus_score(["a"], [["a"]])  # the number of references is known only after a use
    return f"{METRICS[name].description} Signature: {metric.get_signature()}."


def part_keys(name: str) -> list[str]:
    """The keys of a score's values that hold a metric's parts; the value itself for a mean."""
    return [f"{name}.{part}" for part in METRICS[name].parts] or [name]
