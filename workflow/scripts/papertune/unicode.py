"""Texts in one form of Unicode."""

import re
import unicodedata
from typing import Literal

_MOST = 30  # marks on one letter, as in Unicode's stream-safe form
_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST + 1},}}")


def normalized(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """A text in a normal form, of any letter with no more than 30 marks.

    Putting marks in their order takes the square of their number: a megabyte of them would take
    hours, and no signal ends it.
    """
    return text if text.isascii() else unicodedata.normalize(form, _MARKS.sub(_fewer, text))


def _fewer(run: re.Match[str]) -> str:
    left, kept = _MOST, []
    for sign in run[0]:
        marks = bool(unicodedata.combining(sign))
        left = left - 1 if marks else _MOST
        if left >= 0:
            kept.append(sign)
    return "".join(kept)
