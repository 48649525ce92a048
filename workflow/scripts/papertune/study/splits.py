"""Which split a document belongs to: decided per document, never per pair."""

from __future__ import annotations

from collections.abc import Callable

from papertune.identity import share
from papertune.records import Document
from papertune.study.experiment import Part, Splits
from papertune.study.settings import Years


def split_of(document: Document, splits: Splits) -> str | None:
    """``train``, ``validation`` or ``test`` by year, ``None`` outside of both spans of years.

    Of the training documents, the share ``splits.validation`` is for validation. It is chosen by
    the hash of the document's id, so a document stays where it is when others are added; so are
    those to test with, where ``splits.test`` is a share.
    """
    if not isinstance(splits.test, Years):
        if part_of(document.id, splits) == "test":
            return "test"
    elif splits.test.first <= document.year <= splits.test.last:
        return "test"
    elif splits.train and not splits.train.first <= document.year <= splits.train.last:
        return None
    return "validation" if share(document.id, "validation") < splits.validation else "train"


def chooser(part: Part, splits: Splits) -> Callable[[str], bool] | None:
    """Whether the id of a listed item is of a part; ``None`` where the part is a year."""
    return None if isinstance(part, int) else lambda key: part_of(key, splits) == part


def part_of(key: str, splits: Splits) -> Part | None:
    """``train`` or ``test`` by the hash of a document's id; ``None`` where years decide."""
    if isinstance(splits.test, Years):
        return None
    return "test" if share(key, "test") < splits.test else "train"
