"""Which split a document belongs to: decided per document, never per pair.

Choices are frozen objects that hold just what decides, so that a change of another split's settings
is none of theirs.
"""

from dataclasses import dataclass
from typing import Protocol

from papertune.identity import share
from papertune.study.settings import Part, Splits, Years


class Dated(Protocol):
    """What decides about a document."""

    @property
    def id(self) -> str:
        """That of the document."""

    @property
    def year(self) -> int:
        """The year; 0 where documents have none."""


SPLITS = ("train", "validation", "test")
OTHER_SIDE = "on_the_other_side"  # why a document has no pair here: all train, or all are held out


@dataclass(frozen=True, slots=True)
class PartOf:
    """Whether the key of a listed item is of a part, ``train`` or ``test``, by its hash."""

    part: str
    test: float

    def __call__(self, key: str) -> bool:
        """Whether it is."""
        return (share(key, "test") < self.test) == (self.part == "test")


def chooser(part: Part, splits: Splits) -> PartOf | None:
    """What chooses a part's items; ``None`` where the part is a year, which has them all."""
    if isinstance(part, int) or isinstance(splits.test, Years):
        return None
    return PartOf(part, splits.test)


@dataclass(frozen=True, slots=True)
class SplitOf:
    """Whether a document is of a split.

    Shares are chosen by the hash of a document's id, so it stays where it is when others are added.
    """

    split: str  # what is held out is about documents of ``train``
    years: tuple[int, int] | None  # the first and last to train, or test, with, where years decide
    test: float | None  # else the share of all documents that tests
    validation: float | None  # the share of the training documents that validates

    @classmethod
    def of(cls, split: str, splits: Splits) -> "SplitOf":
        """What of an experiment's splits decides about one of them."""
        years = splits.test if split == "test" else splits.train
        span = (years.first, years.last) if isinstance(years, Years) else None
        test = None if isinstance(splits.test, Years) else splits.test
        return cls(split, span, test, None if split == "test" else splits.validation)

    def __call__(self, document: Dated) -> bool:
        """Whether it is."""
        if self.years and not self.years[0] <= document.year <= self.years[1]:
            return False
        return all(
            (share(document.id, chosen) < limit) == (self.split == chosen)
            for chosen, limit in (("test", self.test), ("validation", self.validation))
            if limit is not None
        )


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Whether a pair about a training document is of those held out, or of those that train."""

    held: bool
    share: float  # that is held out

    def __call__(self, pair: str) -> bool:
        """Whether the pair of an id is."""
        return (share(pair, "held_out") < self.share) == self.held


def split_of(document: Dated, splits: Splits) -> str | None:
    """The split of a document; ``None`` where its year is in none."""
    return next((split for split in SPLITS if SplitOf.of(split, splits)(document)), None)
