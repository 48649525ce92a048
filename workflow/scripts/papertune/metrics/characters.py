"""Normalize characters and split words in any script, so that equal-looking texts are equal.

Everything here takes time linear in the text.
"""

import unicodedata

import regex

from papertune.sentences import SPACELESS, composed

UNSPACED = (
    rf"[{SPACELESS}〆\p{{Bopomofo}}\p{{Yi}}\p{{Tibetan}}\p{{Javanese}}\p{{Balinese}}\p{{Tai_Tham}}]"
)
# a character of a script without spaces between words, with its combining marks
CLUSTER = rf"[{UNSPACED}--\p{{P}}]\p{{M}}*+"  # of the second version of regex: (?V1)
_WORD = regex.compile(rf"(?V1){CLUSTER}|[[\p{{L}}\p{{N}}\p{{M}}]--{UNSPACED}]++")
_APART = regex.compile(rf"(?V1){CLUSTER}|[\p{{P}}--[\x00-\x7f]]")

_SAME = str.maketrans(
    dict.fromkeys("‘’‚‛′‵ʼ＇", "'")
    | dict.fromkeys("“”„‟″‶«»＂", '"')
    | dict.fromkeys("‐‑‒–—―−⁃﹘﹣－⸺⸻", "-")
    | {"×": "x", "⁄": "/", "∕": "/", "≤": "<=", "≥": ">=", "≠": "!=", "٫": ".", "٬": ","}
)
# invisible characters: soft hyphens, joiners, direction marks
_UNSEEN = regex.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]"
)
# spaces and apostrophes that can only be separators of thousands
_THIN = regex.compile("(?<=[0-9])[\u00a0\u2007\u2009\u202f'’](?=[0-9]{3}(?![0-9]))")
_RAISED = regex.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ]++")
_FRACTION = regex.compile(r"(?<=[0-9])(?=[¼½¾⅐-⅞])")
_DIGIT = regex.compile(r"[^\P{Nd}0-9]")


def plain(text: str) -> str:
    """Normalize characters: NFKC, straight quotes, one kind of dash, ASCII digits. An exponent
    stays one (10² is 10^2, not 102).
    """
    if text.isascii():
        return text
    text = _THIN.sub("", _UNSEEN.sub("", text))
    text = _FRACTION.sub(" ", _RAISED.sub(r"^\g<0>", text))
    text = composed(text, "NFKC").translate(_SAME)
    return _DIGIT.sub(lambda found: str(unicodedata.digit(found[0])), text)


def folded(text: str) -> str:
    """Case-fold in every script: ß becomes ss. Turkish I, İ, ı and i all become i; otherwise a word
    would differ at the beginning of a sentence.
    """
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")


def spaced(text: str) -> str:
    """Put spaces around each character of scripts without spaces between words, and around
    non-ASCII punctuation, so that splitting at spaces works for every script.
    """
    text = plain(text)
    return text if text.isascii() else _APART.sub(r" \g<0> ", text)


def tokens(text: str) -> list[str]:
    """The words of a text, without case and punctuation; in scripts without spaces between words,
    its characters. For ASCII, the words that rouge-score finds.
    """
    return _WORD.findall(folded(plain(text)))
