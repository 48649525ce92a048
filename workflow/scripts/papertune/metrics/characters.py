"""Characters and words of texts in any script, so that what looks alike is alike.

Everything here takes time linear in the text.
"""

import unicodedata

import regex

from papertune.sentences import SPACELESS, composed

UNSPACED = (
    rf"[{SPACELESS}〆\p{{Bopomofo}}\p{{Yi}}\p{{Tibetan}}\p{{Javanese}}\p{{Balinese}}\p{{Tai_Tham}}]"
)
# a character of a script without blanks between words, with the marks that belong to it
CLUSTER = rf"[{UNSPACED}--\p{{P}}]\p{{M}}*+"  # of the second version of regex: (?V1)
_WORD = regex.compile(rf"(?V1){CLUSTER}|[[\p{{L}}\p{{N}}\p{{M}}]--{UNSPACED}]++")
_APART = regex.compile(rf"(?V1){CLUSTER}|[\p{{P}}--[\x00-\x7f]]")

_SAME = str.maketrans(
    dict.fromkeys("‘’‚‛′‵ʼ＇", "'")
    | dict.fromkeys("“”„‟″‶«»＂", '"')
    | dict.fromkeys("‐‑‒–—―−⁃﹘﹣－⸺⸻", "-")
    | {"×": "x", "⁄": "/", "∕": "/", "≤": "<=", "≥": ">=", "≠": "!=", "٫": ".", "٬": ","}
)
# soft hyphens, joiners, marks of direction: seen by nobody
_UNSEEN = regex.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]"
)
# blanks and apostrophes between thousands that cannot be anything else
_THIN = regex.compile("(?<=[0-9])[\u00a0\u2007\u2009\u202f'’](?=[0-9]{3}(?![0-9]))")
_RAISED = regex.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ]++")
_FRACTION = regex.compile(r"(?<=[0-9])(?=[¼½¾⅐-⅞])")
_DIGIT = regex.compile(r"[^\P{Nd}0-9]")


def plain(text: str) -> str:
    """A text with each character in its usual form: NFKC, straight quotes, one kind of dash, ASCII
    digits. An exponent stays one (10² is 10^2, not 102).
    """
    if text.isascii():
        return text
    text = _THIN.sub("", _UNSEEN.sub("", text))
    text = _FRACTION.sub(" ", _RAISED.sub(r"^\g<0>", text))
    text = composed(text, "NFKC").translate(_SAME)
    return _DIGIT.sub(lambda found: str(unicodedata.digit(found[0])), text)


def folded(text: str) -> str:
    """Without upper case, in every script: ß is ss. All of Turkish I, İ, ı and i are i, else a word
    would be another one at the beginning of a sentence.
    """
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")


def spaced(text: str) -> str:
    """A plain text with blanks around each character of the scripts that put none between words,
    and around punctuation that is not ASCII: what splits at blanks reads every script.
    """
    text = plain(text)
    return text if text.isascii() else _APART.sub(r" \g<0> ", text)


def tokens(text: str) -> list[str]:
    """The words of a text, without case and punctuation; of scripts that put no blanks between
    words the characters. Of ASCII those that rouge-score finds.
    """
    return _WORD.findall(folded(plain(text)))
