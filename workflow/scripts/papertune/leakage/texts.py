"""Normalize texts for comparison: words in one spelling, and word n-grams as numbers."""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from papertune.collect.texts.text import clean
from papertune.collect.texts.titles import normalised
from papertune.sentences import composed

# scripts without spaces between words: Thai to Burmese, Khmer, kana, Chinese characters
_UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_SYMBOL = re.compile(r"\\(?!(?:log|ln|exp|min|max|sup|inf|sin|cos|tan|det|dim|Pr)\b)([A-Za-z]{2,})")
_GREEK = frozenset(
    re.findall(
        r"\w+",
        """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho
        sigma tau upsilon phi chi psi omega""",
    )
)
_SINGLE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛′`", "'") | dict.fromkeys("“”„‟″«»", '"'))
_DASHES = re.compile("[\u2010-\u2015\u2212]")
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, with well spread bits: 2^64 / golden ratio


def words(text: str) -> list[str]:
    """The words of a text in lower case, without markup, LaTeX, accents and punctuation.

    In scripts without spaces between words, each character counts as a word.
    """
    if "\\" in text:
        text = _SYMBOL.sub(_symbol, re.sub(r"\\(var)(?=[a-z])", r"\\", text))
    return _UNSPACED.sub(lambda character: f" {character[0]} ", normalised(text)).split()


def runs(said: Sequence[str], size: int) -> np.ndarray:
    """The n-grams of ``size`` words as numbers (uint64), without duplicates, sorted.

    Single letters and digits are left out: formulas spell them in many ways. Fewer words than
    ``size`` give one n-gram, and no words give none.
    """
    numbers = np.array([_number(word) for word in said if word not in _SINGLE], np.uint64)
    size = min(size, len(numbers))
    total = np.zeros(len(numbers) - size + 1 if size else 0, np.uint64)
    for place in range(size):
        total = total * FACTOR + numbers[place : place + len(total)]
    return np.unique(total)


def pair_key(question: str, answer: str, context: str = "") -> bytes:
    """The key of a pair, which ignores letter case, quotes, dashes and white space.

    Signs are kept: ``C`` is not ``C++``, and ``-5`` is not ``5``. A context counts by its words.
    """
    said = "\0".join((_plain(question), _plain(answer), _context(context)))
    return blake2b(said.encode(), digest_size=16).digest()


@lru_cache(maxsize=64)  # pairs about a text are adjacent
def _context(text: str) -> str:
    return " ".join(words(text))


def _plain(text: str) -> str:
    text = _DASHES.sub("-", composed(clean(text)).translate(_QUOTES)).casefold()
    return text.rstrip(" .?!。？！").strip("'\" ")


def _symbol(command: re.Match[str]) -> str:
    """Replace a LaTeX command: Greek letters by their names, signs and styles by nothing."""
    return command[0] if command[1].lower() in _GREEK else " "


@lru_cache(maxsize=1 << 17)
def _number(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
