"""Which split a document belongs to: decided per document, never per pair."""

from __future__ import annotations

from papertune.experiment import Splits
from papertune.identity import share
from papertune.records import Document


def split_of(document: Document, splits: Splits) -> str | None:
    """``train``, ``validation`` or ``test`` by year, ``None`` outside of both spans of years.

    Of the training years, the share ``splits.validation`` is for validation. It is chosen by the
    hash of the document's id, so a document stays where it is when others are added.
    """
    if splits.test.first <= document.year <= splits.test.last:
        return "test"
    if splits.train.first <= document.year <= splits.train.last:
        return "validation" if share(document.id, "validation") < splits.validation else "train"
    return None
