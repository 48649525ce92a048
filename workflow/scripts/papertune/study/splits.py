"""Which split a document belongs to: decided per document, never per pair.

Choices are frozen objects that hold only what decides, so a change of another split's settings does
not change them.
"""

from dataclasses import dataclass
from typing import Protocol

from papertune.identity import share
from papertune.study.settings import Part, Splits, Years


class Dated(Protocol):
    """What decides about a document's split."""

    @property
    def id(self) -> str:
        """The document's id."""

    @property
    def year(self) -> int:
        """The year; 0 where documents have none."""


SPLITS = ("train", "validation", "test")
OTHER_SIDE = "on_the_other_side"  # rejection: all pairs of a document train, or all are held out


@dataclass(frozen=True, slots=True)
class PartOf:
    """Whether a listed item belongs to a part, ``train`` or ``test``, by the hash of its key."""

    part: str
    test: float

    def __call__(self, key: str) -> bool:
        """Whether the item of this key belongs to the part."""
        return (share(key, "test") < self.test) == (self.part == "test")


def chooser(part: Part, splits: Splits) -> PartOf | None:
    """The choice of a part's items; ``None`` for a year, which has all its items."""
    if isinstance(part, int) or isinstance(splits.test, Years):
        return None
    return PartOf(part, splits.test)


@dataclass(frozen=True, slots=True)
class SplitOf:
    """Whether a document belongs to a split.

    Shares are chosen by the hash of a document's id, so it stays in its split when others are added.
    """

    split: str  # held-out pairs are about documents of ``train``
    years: tuple[int, int] | None  # first and last year of the split, where years decide
    test: float | None  # else the share of all documents that tests
    validation: float | None  # the share of the training documents that validates

    @classmethod
    def of(cls, split: str, splits: Splits) -> "SplitOf":
        """The choice for one split, from an experiment's settings."""
        years = splits.test if split == "test" else splits.train
        span = (years.first, years.last) if isinstance(years, Years) else None
        test = None if isinstance(splits.test, Years) else splits.test
        return cls(split, span, test, None if split == "test" else splits.validation)

    def __call__(self, document: Dated) -> bool:
        """Whether the document belongs to the split."""
        if self.years and not self.years[0] <= document.year <= self.years[1]:
            return False
        return all(
            (share(document.id, chosen) < limit) == (self.split == chosen)
            for chosen, limit in (("test", self.test), ("validation", self.validation))
            if limit is not None
        )


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Whether a pair about a training document is held out (or trains, if ``held`` is False)."""

    held: bool
    share: float  # of the pairs that are held out

    def __call__(self, pair: str) -> bool:
        """Whether the pair with this id is chosen."""
        return (share(pair, "held_out") < self.share) == self.held


def split_of(document: Dated, splits: Splits) -> str | None:
    """The split of a document; ``None`` where its year is in no split."""
    return next((split for split in SPLITS if SplitOf.of(split, splits)(document)), None)
