"""Merge two entries of one document: the first is kept, with the more complete text of the two."""

from dataclasses import replace

from papertune.collect.texts.is_abstract import is_cut
from papertune.records import Document

Fullness = tuple[bool, int]
NOTHING: Fullness = (False, 0)


def fullness(document: Document) -> Fullness:
    """Completeness of a document's text, for comparison: (complete, number of characters).

    A question's text is its own answer, which is never replaced.
    """
    if not document.text or document.question:
        return NOTHING
    return not (document.reason or is_cut(document.text)), len(document.text)


def with_fuller_text(first: Document, other: Document) -> Document:
    """The first entry of a document, with the text of the other if that is more complete."""
    if fullness(other) <= fullness(first) or first.question:
        return first
    return replace(first, text=other.text, found_by=other.found_by, reason=other.reason)


def told(title: str, where: str, fuller: bool) -> str:
    """The detail of the other entry's rejection; ``where`` is the place of the first."""
    taken = " (its text, which is more complete, is kept)" if fuller else ""
    return f"{title}{taken}: the same document as {where}"
