"""Sentences of English scientific prose, without any data to download."""

import re
from collections.abc import Callable

# a dot after one of these ends no sentence
_SHORT = r"e\.g|i\.e|cf|vs|resp|fig|eq|sec|thm|prop|lem|dr|prof|approx|w\.r\.t|a\.k\.a|i\.i\.d"
_ABBREVIATIONS = re.compile(rf"\b(?:{_SHORT}|et al|no|[A-Z])\.$", re.IGNORECASE)
_KNOWN = {"al", "mr", "mrs", "ms", "st", "jr", "sr", "ca", "u.s", "z.b"}
_KNOWN.update(_SHORT.replace("\\", "").split("|"))
_END = re.compile(r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘$\\]*[A-Z0-9])")


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
