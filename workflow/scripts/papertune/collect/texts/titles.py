"""Titles: compare different spellings, and recognise entries that are no papers."""

import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TypeVar

from papertune.collect.texts.text import clean, without_preambles
from papertune.sentences import composed, is_spaceless, word_count

Item = TypeVar("Item")

# \'{e}, \"o, \c{c}: the accent is removed, like Unicode's accents
_ACCENT = re.compile(r"\\(?:[`'^\"~=.]|[uvHtcdbkr](?![A-Za-z]))\s*+(?:\{\s*+)?\\?([A-Za-z])\}?")
_STYLE = re.compile(
    r"\\(?:emph|text(?:it|bf|rm|sc|tt|sf|sl|up)?|math(?:cal|bb|bf|rm|it|sf|frak|scr|tt)"
    r"|mbox|ensuremath|boldsymbol|operatorname|it|bf|rm|em|sc)(?![A-Za-z])"
)
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"})
_NOTICE = re.compile(
    r"^(?:errat(?:um|a)|corrigend(?:um|a)|correct(?:ion|ed)|retract(?:ion|ed)|withdraw(?:n|al)"
    r"|expression of concern|addendum|author correction|publisher correction|reply to|response to"
    r"|comment on|comments on|review of|book review|poster|abstract)\b"
)
_LONGEST = 400  # letters of titles that are compared letter by letter, in quadratic time
_ROMAN = {"ii", "iii", "iv", "vi", "vii", "viii", "ix"}
_NO_PAPER = {
    "front_matter": re.compile(
        r"^\W*(?:(?:front|back|end)[ -]?(?:matter|cover)|cover(?: (?:image|page|picture))?|title ?page.*"
        r"|(?:table of )?contents|(?:volume )?table of contents|copyright(?: (?:page|notice))?"
        r"|preface|foreword|prologue|masthead|imprint|editorial board|issue (?:information|editorial)"
        r"|(?:publication|society|publisher'?s?) information|information for authors"
        r"|(?:author|subject|keyword) index|index(?: of authors)?|author list|blank page|call for papers"
        r"|(?:list of |additional )?(?:reviewers|referees|sponsors)|committees?"
        r"|(?:organi[sz]ing|program(?:me)?|conference|steering|technical) committee(?: members)?"
        r"|(?:message|welcome)(?: message)? (?:from|by) .*(?:chairs?|committee|editors?|president)s?"
        r"|welcome)\W*$",
        re.IGNORECASE,
    ),
    "retracted": re.compile(r"^\W*(?:retracted|withdrawn|retraction|withdrawal)\b", re.IGNORECASE),
    "correction": re.compile(
        r"^\W*(?:(?:author|publisher) )?(?:erratum|errata|corrigend(?:um|a)|correction(?:s)?)\b"
        r"(?=\W*$|\s*(?:to|for|on)\b|\s*[:.–-])",
        re.IGNORECASE,
    ),
}


def normalised(title: str) -> str:
    """A title in lower-case words of letters and digits, without markup, LaTeX and accents."""
    text = _STYLE.sub(" ", _ACCENT.sub(r"\1", clean(without_preambles(title))))
    text = re.sub(r"[$^_{}~]", lambda match: " " if match[0] == "~" else "", text)
    text = composed(text, "NFKD").casefold().translate(_LETTERS)
    if not text.isascii():
        text = re.sub(r"[\u0370-\u03ff]", _spelled, text)  # \alpha is α
        text = "".join(char for char in text if not unicodedata.combining(char))
    text = re.sub(r"(?<=\w)['’ʼ](?=s\b)", "", text)
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


def similarity(one: str, other: str) -> float:
    """The similarity of two titles, from 0 to 1; 0 if they differ in a number or a notice."""
    a, b = normalised(one), normalised(other)
    if not a or not b or _marks(a) != _marks(b):
        return 0.0
    # spellings vary: bench mark, bench-mark, benchmark
    a, b = a.replace(" ", ""), b.replace(" ", "")
    if a == b or max(len(a), len(b)) > _LONGEST:
        return float(a == b)
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def best_match(
    title: str,
    year: int,
    candidates: Iterable[tuple[list[str], int | None, Item]],
    threshold: float,
) -> Item | None:
    """The candidate with the most similar title, if it is similar enough and its year fits.

    Args:
        title: The title looked for.
        year: Its year; 0 if unknown.
        candidates: (titles with and without a subtitle, year, candidate) of each; the first of
            equally similar ones is taken.
        threshold: The minimum :func:`similarity`.
    """
    fitting = (
        (max((similarity(title, own) for own in titles), default=0.0), item)
        for titles, published, item in candidates
        if not (year and published and abs(published - year) > 1)
    )
    alike = [pair for pair in fitting if pair[0] >= threshold and pair[0] > 0]
    return max(alike, key=lambda pair: pair[0])[1] if alike else None


def searchable(title: str) -> str:
    """The words to search a title by; empty for titles that many papers share.

    "Introduction" and "Editorial" are the titles of thousands.
    """
    words = normalised(title)
    telling = len(words) >= 12 and (" " in words or not words.isascii())
    return words[:300] if telling or (is_spaceless(words) and word_count(words) >= 5) else ""


def no_paper(title: str) -> str:
    """The reason why an entry of a listing is no paper, judged by its title; else empty."""
    return next((reason for reason, form in _NO_PAPER.items() if form.match(title)), "")


@lru_cache(maxsize=4096)
def _marks(words: str) -> tuple[str, str, str]:
    """What separates titles that are otherwise alike: digits, Roman numerals, a notice."""
    notice = _NOTICE.match(words)
    roman = " ".join(word for word in words.split() if word in _ROMAN)
    return "".join(re.findall(r"\d", words)), roman, notice[0] if notice else ""


def _spelled(letter: re.Match[str]) -> str:
    """A Greek letter by its English name."""
    name = unicodedata.name(letter[0], "")
    found = re.match(r"GREEK (?:SMALL|CAPITAL) LETTER (?:FINAL )?([A-Z]+)", name)
    return found[1].lower() if found else letter[0]
