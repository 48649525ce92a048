"""Kinds of PDF pages: a distributor's cover, scanned pictures, garbled text.

A library's scan has a cover with text, a stamp with the download date on every page, and otherwise
only pictures. Text is garbled if it was recognised badly or its font has no names for letters.
"""

import re
from collections import Counter
from dataclasses import dataclass

from papertune.collect.texts.pdf_lines import Line, shape

_LETTERS_A_PAGE = 100  # a page with fewer is a picture with a stamp
_LEAST_WORDS = 0.35  # share of words among the tokens; formulas have more, noise less
_STRANGE = 0.6  # share of accented Latin letters; no language has as many
# each alone identifies a cover
_COVER = re.compile(
    r"JSTOR is a not-for-profit|stable URL:? ?https?://(?:www\.)?jstor\.org|your use of the JSTOR archive"
    r"|see discussions, stats, and author profiles for this publication"
    r"|HAL is a multi-?disciplinary open access|L.archive ouverte pluridisciplinaire HAL"
    r"|please scroll down (?:for|to see the full) (?:article|text)"
    r"|powered by the California Digital Library|eScholarship\.org"
    r"|take ?-?down policy|white rose research online url",
    re.IGNORECASE,
)
_HINTS = re.compile(
    r"citation for published version|link to publi(?:cation|shed version)|document version"
    r"|publication date|general rights|to cite this (?:article|version|document|paper)"
    r"|to link to this article"
    r"|this is the (?:author.s|accepted|published|peer.reviewed|submitted)|author.s? (?:accepted )?manuscript"
    r"|permanent (?:repository )?link|permalink|persistent (?:link|url)|handle(?: url)?:|terms of use"
    r"|repository|archive ouverte|downloaded from|this version is available at|published in:|hal id"
    r"|peer.?reviewed|deposited (?:on|in|by)|creative commons|rights / ?licen[cs]e|stable url|accessed:"
    r"|version of record|reuse|conditions of (?:access|use)|users may (?:download|access)"
    r"|full text (?:available|of)",
    re.IGNORECASE,
)


# a word (with a vowel, in one case but for the first letter) or a number
_WORD = re.compile(
    r"[\W_]{0,3}(?:(?=[^\W_]*[aeiouyà-öø-ÿAEIOUY])[^\W\d_](?:[^\W\d_A-ZÀ-Þ]*|[A-ZÀ-Þ]*)"
    r"|[A-Z]{2,5}|\d+(?:[.,]\d+)?|[aAIy])"
    r"(?:[-'’/](?=[^\W_])[^\W_]+)*[\W_]{0,4}"
)


@dataclass(slots=True)
class Page:
    """A page's lines, and whether a picture covers most of it (checked if it has little text)."""

    lines: list[Line]
    is_picture: bool = False


def without_cover(pages: list[Page]) -> list[Page]:
    """The pages without the cover that a library, a repository or a network added."""
    if len(pages) < 2 or not is_cover(pages[0].lines):
        return pages
    return pages[1:]


def is_cover(lines: list[Line]) -> bool:
    """Whether a page only tells where a paper is from."""
    text = " ".join(line.text for line in lines)
    if len(text) > 6_000 or re.search(r"\b(?:1|I)\.? introduction\b", text, re.IGNORECASE):
        return False
    hints = {found.lower() for found in _HINTS.findall(text)}
    return bool(_COVER.search(text)) or len(hints) >= 3


def is_scan(pages: list[Page]) -> bool:
    """Whether the pages, apart from a cover, are scanned pictures."""
    often = Counter(name for page in pages for name in {shape(line) for line in page.lines})
    stamps = {name for name, count in often.items() if count > 1 and 2 * count >= len(pages)}
    own = [
        sum(
            len(line.text) for line in page.lines if not (page.is_picture and shape(line) in stamps)
        )
        for page in pages
    ]
    if sum(own) < min(_LETTERS_A_PAGE * len(pages), 2000):
        return True
    pictures = sum(
        page.is_picture and count < 3 * _LETTERS_A_PAGE
        for page, count in zip(pages, own, strict=True)
    )
    texts = sum(count >= _LETTERS_A_PAGE for count in own)
    cover = len(pages) > 1 and is_cover(pages[0].lines)
    return pictures > 0 and texts - cover < min(pictures, 2)


def is_garbled(text: str) -> bool:
    """Whether a text is noise: few words, or mostly accented letters."""
    latin = re.findall(r"[A-Za-z\u00c0-\u024f]", text)
    strange = sum(not char.isascii() for char in latin)
    if len(latin) >= 200 and strange > _STRANGE * len(latin):
        return True
    # in other scripts words cannot be told by their letters
    if len(latin) < 0.5 * sum(char.isalpha() for char in text):
        return False
    parts = [part for part in text.split() if any(map(str.isalnum, part))]
    words = sum(bool(_WORD.fullmatch(part)) for part in parts)
    return len(parts) >= 100 and words < _LEAST_WORDS * len(parts)
