"""DOIs as they are written: bare, with a prefix, or as the url of a resolver."""

from __future__ import annotations

import re
from urllib.parse import unquote

_RESOLVER = re.compile(r"^https?://(?:dx\.|www\.)?doi\.org/+", re.IGNORECASE)
_BARE = re.compile(r"^(?:doi:)?\s*(10\.\d{4,9}(?:\.\d+)*/[^\s\ud800-\udfff]+)$", re.IGNORECASE)


def doi_of(text: str) -> str:
    """The bare DOI in lower case, or an empty string where the text is none.

    ``https://doi.org/10.1145/AB.1``, ``doi:10.1145/ab.1`` and ``10.1145/AB.1`` give ``10.1145/ab.1``.
    """
    text = text.strip()
    bare = _RESOLVER.sub("", text)
    found = _BARE.match(unquote(bare) if bare != text else bare)
    return found[1].lower() if found else ""


def doi_url(doi: str) -> str:
    """The url under which a bare DOI is resolved, or an empty string for none."""
    return f"https://doi.org/{doi}" if doi else ""
