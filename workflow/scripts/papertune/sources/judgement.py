"""What is an abstract and what only stands where one would be: notices, citations, advertising.

Every function takes text that :func:`papertune.sources.text.clean` has been over, whoever gave it:
a landing page, an API, a feed, a PDF.
"""

from __future__ import annotations

import re

_NO_ABSTRACT = re.compile(
    r"^(?:(?:an? )?abstract (?:is )?(?:not|un)\s?available|no abstract|n/a\b|first page of the"
    r"|click to increase image|this (?:article|paper) has no abstract|abstract not provided)",
    re.IGNORECASE,
)
_CITATION = re.compile(
    r"^\(\d{4}\)|\bpp?\.\s*\d+|\bVol(?:ume)?\.?\s*\d+|\bdoi(?::|\.org)|\bISBN\b|\bISSN\b"
    r"|\bProceedings of the\b.{0,200}\b(?:19|20)\d\d\.?$|\b(?:19|20)\d\d\.$",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"\bcookies?\b|\bsubscri(?:be|ption)\b|all rights reserved|digital library|\bsign (?:in|up)\b"
    r"|\blog ?in\b|\bdownload\b|\bfull[- ]text access\b|official (?:site|website|home)|request pdf"
    r"|read the (?:full|latest)|free access to|\bwebsite\b|home ?page|non-?profit"
    r"|scientific, technical|delivering full text|electronic proceedings",
    re.IGNORECASE,
)


def is_abstract(text: str) -> bool:
    """Long enough to be one, and no notice that there is none."""
    return len(text) >= 40 and len(text.split()) >= 6 and not _NO_ABSTRACT.match(text)


def is_cut(text: str) -> bool:
    """It ends in an ellipsis, or at the length at which sites cut without ending a sentence."""
    if text.endswith(("...", "…", "[…]", "[...]")):
        return True
    return 140 <= len(text) <= 330 and not re.search(r"[.!?。][)\]\"'”’»]*$|[$)]$", text)


def is_description(text: str) -> bool:
    """An abstract although it was given as a page's description, which mostly is none."""
    return (
        len(text) >= 120
        and len(text.split()) >= 15
        and bool(re.search(r"[.!?。][)\]\"'”’»]*$", text))
        and not is_cut(text)
        and not _NO_ABSTRACT.match(text)
        and not _CITATION.search(text)
        and not _BOILERPLATE.search(text)
    )
