"""Words and sequences of words that an answer shares with the reference."""

import re
import string
from collections import Counter
from functools import cache
from typing import Any

import numpy as np

from papertune.metrics.metric import Embeddings, Parts, metric
from papertune.records import Answer


@metric("BLEU (sentence)")
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
    as 1/2^k matches), for many cells at once; a test holds the two together.
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


@metric(
    "BLEU (corpus)",
    parts=(
        *("answer_length", "reference_length"),
        *(f"{what}_{n}" for what in ("matches", "ngrams") for n in range(1, 5)),
    ),
    combine=combine_bleu,
    unit="0 to 100",
    bounds=(0.0, 100.0),
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


@metric("ROUGE-L")
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


@metric("Token F1")
def token_f1(answer: Answer, _: Embeddings | None) -> Parts:
    """F1 of the words that answer and reference share in any order, without case, punctuation and
    articles (as in SQuAD).
    """
    written, reference = squad_tokens(answer.text), squad_tokens(answer.reference)
    if not written or not reference:
        return (float(written == reference),)
    shared = (Counter(written) & Counter(reference)).total()
    return (2 * shared / (len(written) + len(reference)),)


@metric("Exact match")
def exact_match(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of answers that equal the reference, without case, punctuation and articles."""
    return (float(squad_tokens(answer.text) == squad_tokens(answer.reference)),)
