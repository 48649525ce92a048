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


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to judge answers."""

    label: str  # how people call it
    description: str  # what it measures and how, for the report
    # the parts of one answer, None where the metric is not defined for it
    measure: Callable[[Answer, Embeddings | None], Parts | None]
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


# ---- one answer -------------------------------------------------------------


def similarity(answer: Answer, embeddings: Embeddings | None) -> Parts:
    """Cosine of the sentence embeddings of answer and reference (Reimers and Gurevych 2019)."""
    assert embeddings is not None
    return (embeddings.cosine(answer.text, answer.reference),)


def bleu(answer: Answer, _: Embeddings | None) -> Parts:
    """NLTK's sentence BLEU-4 (Papineni et al. 2002) on Treebank tokens.

    Smoothing method 1 of Chen and Cherry 2014 puts 0.1 in the place of zero matches and leaves
    every other precision alone, so that it stays closest to unsmoothed BLEU, which is 0 for nearly
    every short answer. Answers of fewer than four tokens are measured on the n-grams they can
    have: otherwise a correct one-word answer would get 0.18.
    """
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


def corpus_bleu(answer: Answer, _: Embeddings | None) -> Parts:
    """The counts that sacrebleu's corpus BLEU (Post 2018) adds up: lengths, matches, n-grams."""
    counts = _sacrebleu().sentence_score(answer.text, [answer.reference])
    return (counts.sys_len, counts.ref_len, *counts.counts, *counts.totals)


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


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=False)


def rouge_l(answer: Answer, _: Embeddings | None) -> Parts:
    """F1 of the longest common subsequence of words (Lin 2004)."""
    return (float(_rouge().score(answer.reference, answer.text)["rougeL"].fmeasure),)


def squad_tokens(text: str) -> list[str]:
    """SQuAD's normalisation (Rajpurkar et al. 2016): lower case, no punctuation, no articles."""
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def token_f1(answer: Answer, _: Embeddings | None) -> Parts:
    """F1 of the words that answer and reference share, after SQuAD's normalisation."""
    written, reference = squad_tokens(answer.text), squad_tokens(answer.reference)
    if not written or not reference:
        return (float(written == reference),)
    shared = (Counter(written) & Counter(reference)).total()
    return (2 * shared / (len(written) + len(reference)),)


def exact_match(answer: Answer, _: Embeddings | None) -> Parts:
    """1 if answer and reference are the same after SQuAD's normalisation."""
    return (float(squad_tokens(answer.text) == squad_tokens(answer.reference)),)


def perplexity(answer: Answer, _: Embeddings | None) -> Parts | None:
    """Negative log-likelihood (nats) and tokens of the reference answer given the prompt."""
    if not answer.reference_tokens:
        return None
    return (answer.reference_nll, float(answer.reference_tokens))


def combine_perplexity(sums: np.ndarray) -> np.ndarray:
    """exp(nats per token) of sums of shape (..., 2)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.exp(sums[..., 0] / sums[..., 1])


def repetition(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of the answer's word 4-grams that repeat an earlier one (1 - distinct / all)."""
    words = answer.text.lower().split()
    grams = list(zip(*(words[start:] for start in range(4)), strict=False))
    return (1 - len(set(grams)) / len(grams) if grams else 0.0,)


# ---- the registry -----------------------------------------------------------

BLEU_PARTS = (
    *("answer_length", "reference_length"),
    *(f"{what}_{n}" for what in ("matches", "ngrams") for n in range(1, 5)),
)

METRICS: dict[str, Metric] = {
    "similarity": Metric(
        "Similarity",
        "Cosine of the sentence embeddings of the answer and the reference answer: closeness in "
        "meaning. Unrelated texts get about 0 to 0.2; an empty answer gets 0.",
        similarity,
        unit="cosine, −1 to 1",
    ),
    "bleu": Metric(
        "BLEU (sentence)",
        "Word sequences of up to four that the answer shares with the reference, per answer "
        "(NLTK, Treebank tokens, smoothing method 1: 0.1 in the place of zero matches; shorter "
        "sequences for answers of fewer than four tokens).",
        bleu,
    ),
    "corpus_bleu": Metric(
        "BLEU (corpus)",
        "BLEU over all answers of a cell at once, as sacrebleu computes it. Not the mean of "
        "sentence BLEU.",
        corpus_bleu,
        BLEU_PARTS,
        combine_bleu,
        unit="0 to 100",
        digits=1,
    ),
    "rouge_l": Metric(
        "ROUGE-L",
        "F1 of the longest sequence of words, gaps allowed, that answer and reference share "
        "(rouge-score, no stemming; counts Latin letters and digits only).",
        rouge_l,
    ),
    "token_f1": Metric(
        "Token F1",
        "F1 of the words that answer and reference share in any order, without case, punctuation "
        "and articles (as in SQuAD).",
        token_f1,
    ),
    "exact_match": Metric(
        "Exact match",
        "Share of answers that equal the reference, without case, punctuation and articles.",
        exact_match,
    ),
    "perplexity": Metric(
        "Perplexity",
        "How surprised the model is by the reference answer: exp of the mean negative "
        "log-likelihood per token. Comparable only between models with the same tokenizer.",
        perplexity,
        ("nll", "tokens"),
        combine_perplexity,
        unit="1 or more",
        higher_is_better=False,
        digits=2,
    ),
    "repetition": Metric(
        "Repetition",
        "Share of an answer's sequences of four words that repeat an earlier one. Answers of "
        "fewer than four words repeat nothing.",
        repetition,
        higher_is_better=False,
    ),
}


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
