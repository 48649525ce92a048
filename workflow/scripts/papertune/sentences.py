"""Sentences of English scientific prose, without any data to download."""

from __future__ import annotations

import re

# a dot after one of these ends no sentence
_ABBREVIATIONS = re.compile(
    r"(?:\b(?:e\.g|i\.e|et al|cf|vs|resp|fig|eq|sec|thm|prop|lem|dr|prof|no|approx|w\.r\.t|a\.k\.a"
    r"|i\.i\.d|[A-Z]))\.$",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘$\\]*[A-Z0-9])")


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, white space collapsed to single spaces.

    A line that ends without a full stop runs on into the next one, as in pages that break lines.
    """
    flat = " ".join(text.split())
    found, start = [], 0
    for match in _END.finditer(flat):
        if _ABBREVIATIONS.search(flat, start, match.start() + 1):
            continue
        found.append(flat[start : match.end()].strip())
        start = match.end()
    if flat[start:].strip():
        found.append(flat[start:].strip())
    return found
