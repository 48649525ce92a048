"""Two entries of one document: the first stands for it, with the fuller text of the two."""

from dataclasses import replace

from papertune.collect.texts.is_abstract import is_cut
from papertune.records import Document

Fullness = tuple[bool, int]
NOTHING: Fullness = (False, 0)


def fullness(document: Document) -> Fullness:
    """Of two entries of a document, the greater has the fuller text: a whole one, then a longer one.

    The text of a question is its answer, which is nobody else's.
    """
    if not document.text or document.question:
        return NOTHING
    return not (document.reason or is_cut(document.text)), len(document.text)


def with_fuller_text(first: Document, other: Document) -> Document:
    """The document as its first entry says it, with the text of the other where that is fuller."""
    if fullness(other) <= fullness(first) or first.question:
        return first
    return replace(first, text=other.text, found_by=other.found_by, reason=other.reason)


def told(title: str, where: str, fuller: bool) -> str:
    """What the rejection of the other entry says; ``where`` the first one stands."""
    taken = " (its text, which is fuller, is kept)" if fuller else ""
    return f"{title}{taken}: the same document as {where}"
