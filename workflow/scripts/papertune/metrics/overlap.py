"""Metrics of words and word sequences that an answer shares with the reference."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from papertune.metrics.characters import spaced, tokens
from papertune.metrics.metric import METRICS, Embeddings, Parts, metric
from papertune.metrics.normal import Normalisation, normal
from papertune.records import Answer


@metric("BLEU (sentence)")
def bleu(answer: Answer, _: Embeddings | None) -> Parts:
    """Word sequences of up to four that the answer shares with the reference, per answer (NLTK,
    Treebank tokens, smoothing method 1: 0.1 instead of zero matches; shorter sequences for
    answers of fewer than four tokens). In scripts without spaces between words (Chinese, Japanese,
    Thai and the like) a character counts as a word.
    """
    # Papineni et al. 2002; Chen and Cherry 2014, whose method 1 leaves every other precision
    # unchanged and so stays closest to unsmoothed BLEU, which is 0 for nearly every short answer.
    # A correct one-word answer would get 0.18 if longer sequences were required
    from nltk.tokenize import word_tokenize
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    reference, hypothesis = (
        word_tokenize(spaced(text), preserve_line=True) for text in (answer.reference, answer.text)
    )
    if not reference or not hypothesis:
        return (0.0,)
    smoothing = SmoothingFunction().method1
    value = sentence_bleu([reference], hypothesis, smoothing_function=smoothing, auto_reweigh=True)
    return (float(value),)


@cache
def _sacrebleu(effective_order: bool) -> Any:
    """sacrebleu's BLEU on words separated by :func:`papertune.metrics.characters.spaced`."""
    from sacrebleu.metrics import BLEU
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    class ByScript(Tokenizer13a):
        """Tokenizer 13a, extended to non-ASCII punctuation and scripts without spaces."""

        def signature(self) -> str:
            return "13a-by-script"

        def __call__(self, line: str) -> str:
            return str(super().__call__(spaced(line)))

    bleu = BLEU(effective_order=effective_order)
    bleu.tokenizer = ByScript()
    bleu.tokenizer_signature = bleu.tokenizer.signature()
    return bleu


def signature() -> str:
    """sacrebleu's signature of how corpus BLEU is computed."""
    bleu = _sacrebleu(effective_order=False)
    bleu.corpus_score(["a"], [["a"]])  # the number of references is known only after use
    return str(bleu.get_signature())


def combine_bleu(sums: np.ndarray) -> np.ndarray:
    """Corpus BLEU, 0 to 100, from summed counts of shape (..., 10).

    sacrebleu's formula with its default smoothing (``exp``: the k-th order without a match counts
    as 1/2^k matches), for many cells at once; a test compares the two.
    """
    sums = np.asarray(sums, dtype=float)
    written, reference = sums[..., 0], sums[..., 1]
    matches, ngrams = sums[..., 2:6], sums[..., 6:10]
    smoothed = np.where(matches > 0, matches, 0.5 ** np.cumsum(matches == 0, axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.log(smoothed / ngrams).mean(axis=-1)
        brevity = np.minimum(0.0, 1 - reference / written)
        score = 100 * np.exp(precision + brevity)
    # a cell without any 4-gram, or without any match, scores 0
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
    signature=signature,
)
def corpus_bleu(answer: Answer, _: Embeddings | None) -> Parts:
    """BLEU over all answers of a cell at once, as sacrebleu computes it. Not the mean of sentence
    BLEU. In scripts without spaces between words a character counts as a word, and punctuation
    of every script is a token (13a-by-script; for ASCII it equals 13a).
    """
    # Post 2018: it sums lengths, matches and n-grams; the order changes none of them, and avoids a
    # warning
    counts = _sacrebleu(effective_order=True).sentence_score(answer.text, [answer.reference])
    return (counts.sys_len, counts.ref_len, *counts.counts, *counts.totals)


def longest_common(first: list[str], second: list[str]) -> int:
    """The length of the longest common subsequence of two lists of words.

    The usual table of both lengths has billions of cells for two long texts. Here a column of it
    is the bits of one number, 0 where the sequence grows (Hyyrö 2004).
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
    """F1 of the longest common subsequence of words of answer and reference (no stemming, no case
    and punctuation; for ASCII as in rouge-score). In scripts without spaces between words a
    character counts as a word.
    """  # Lin 2004
    from rouge_score.scoring import fmeasure

    written, reference = tokens(answer.text), tokens(answer.reference)
    if not written or not reference:
        return (0.0,)
    shared = longest_common(*sorted((written, reference), key=len))
    return (float(fmeasure(shared / len(written), shared / len(reference))),)


def _f1(answer: Answer, form: Normalisation) -> Parts:
    written, reference = normal((answer.text, answer.reference), form)
    if not written or not reference:
        return (float(written == reference),)
    shared = (Counter(written) & Counter(reference)).total()
    return (2 * shared / (len(written) + len(reference)),)


def _exact(answer: Answer, form: Normalisation) -> Parts:
    written, reference = normal((answer.text, answer.reference), form)
    return (float(written == reference),)


@metric("Token F1")
def token_f1(answer: Answer, _: Embeddings | None) -> Parts:
    """F1 of the words that answer and reference share in any order, normalized as for exact
    match.
    """
    return _f1(answer, "auto")


@metric("Exact match")
def exact_match(answer: Answer, _: Embeddings | None) -> Parts:
    """Share of answers that equal the reference. Prose is compared as in SQuAD, without case,
    punctuation and articles, but with meaningful signs (−5 and 5, 1.5 and 15, C++ and C differ);
    numbers by value and unit, if the reference is one (1.50 = 1.5, 1,500 = 1500); code by its
    tokens with their case, if the reference is code. Quotes, dashes, composed letters
    and full-width digits are equal to their plain forms.
    """
    return _exact(answer, "auto")


def _only(
    name: str, form: Normalisation, measure: Callable[[Answer, Normalisation], Parts]
) -> None:
    """Register ``token_f1@code`` and the like: every answer as prose, numbers or code."""
    label = METRICS[name].label
    METRICS[f"{name}@{form}"] = replace(
        METRICS[name],
        label=f"{label} ({form})",
        description=f"{label} with every answer and reference read as {form}.",
        measure=lambda answer, _: measure(answer, form),
    )


for _form in ("prose", "numbers", "code"):
    _only("token_f1", _form, _f1)
    _only("exact_match", _form, _exact)
