"""Texts in one form of Unicode, and their sentences, without any data to download."""

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

# a dot after one of these ends no sentence
_SHORT = r"e\.g|i\.e|cf|vs|resp|fig|eq|sec|thm|prop|lem|dr|prof|approx|w\.r\.t|a\.k\.a|i\.i\.d"
_ABBREVIATIONS = re.compile(rf"\b(?:{_SHORT}|et al|no|[A-Z])\.$", re.IGNORECASE)
_KNOWN = {"al", "mr", "mrs", "ms", "st", "jr", "sr", "ca", "u.s", "z.b"}
_KNOWN.update(_SHORT.replace("\\", "").split("|"))
_END = re.compile(r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘$\\]*[A-Z0-9])")
_MOST_MARKS = 30
# there may be that many in these
_MARKS = re.compile(rf"[^\w\s\x00-\u02ff]{{{_MOST_MARKS + 1},}}+")

_RUN = re.compile(r"\s{30,}+")


def without_runs(text: str) -> str:
    """A text with each long run of blanks as one, or as an empty line where it breaks lines.

    Nobody writes them but to keep a reader busy; what strangers wrote comes through here first.
    """
    return _RUN.sub(lambda run: "\n\n" if "\n" in run[0] else " ", text)


def composed(text: str, form: Literal["NFC", "NFKC", "NFKD"] = "NFC") -> str:
    """A text in a normal form of Unicode's.

    In a long one, of marks upon one letter the first 30 stay, as Unicode has it for streams: putting
    them in order takes the square of their number.
    """
    if len(text) > 2000 and not text.isascii():
        text = _MARKS.sub(_fewer, text)
    return unicodedata.normalize(form, text)


def _fewer(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for char in run[0]:
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        kept += [char] * (marks <= _MOST_MARKS)
    return "".join(kept)


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, white space collapsed to single spaces.

    A line that ends without a full stop runs on into the next one, as in pages that break lines.
    """
    flat = " ".join(text.split())
    found, start = [], 0
    for match in _END.finditer(flat):
        # none is longer
        if not _ABBREVIATIONS.search(flat, max(start, match.start() - 8), match.start() + 1):
            found.append(flat[start : match.end()].strip())
            start = match.end()
    return found + [flat[start:]] * bool(flat[start:])


def learned_splitter(text: str) -> Callable[[str], list[str]]:
    """A splitter into sentences for texts of any language, which learns from a text of it.

    Punkt finds the text's abbreviations by statistics. It learns from the text alone, also where
    NLTK's own models are installed: what is split must not depend on the machine.

    Args:
        text: What to learn from: the whole page of which paragraphs are split.
    """
    from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer

    parameters = PunktTrainer(text).get_params()
    # what a short text has too seldom to learn from
    parameters.abbrev_types.update(_KNOWN)
    tokenizer = PunktSentenceTokenizer(parameters)
    return lambda paragraph: list(tokenizer.tokenize(" ".join(paragraph.split())))


def learned_sentences(paragraphs: list[str]) -> list[list[str]]:
    """The sentences of each paragraph of a page; see :func:`learned_splitter`."""
    return list(map(learned_splitter("\n".join(paragraphs)), paragraphs))
