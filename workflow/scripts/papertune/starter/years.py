"""Which documents train and which test: proposed from the documents, or chosen by a person."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from papertune.errors import PapertuneError
from papertune.records import Document
from papertune.starter.looking import Looked
from papertune.study.settings import Source, Splits
from papertune.study.splits import split_of

TESTED = 0.2  # least share of the documents in the test years
MANY = 10  # number of years from which on at least two test
DATED = 0.9  # least share of documents in consecutive years for a split by year
FEWEST = {"test": 5, "validation": 3}  # least documents of a split; else a larger share is taken
SHARES = (0.2, 0.3, 0.4)
VALIDATION = (0.1, 0.2, 0.3)  # the first is the default
SPAN = 12  # number of years that are proposed for a service
EXAMPLE = (
    "write 2015-2021 2022-2023, the years that train and those that test, or a share such as 0.2"
)
_YEARS = re.compile(r"(\d{4})(?:[-–:](\d{4}))?")

Span = tuple[int, int]  # first and last year, both included


@dataclass(frozen=True, slots=True)
class Choice:
    """Training and test years, or the share of documents that tests."""

    train: Span | None
    test: Span | float

    def __str__(self) -> str:
        if isinstance(self.test, float):
            return f"{self.test:g}"
        spans = filter(None, (self.train, self.test))
        return " ".join(f"{a}-{b}" if a < b else str(a) for a, b in spans)


def proposed(source: Source, found: Looked) -> Choice:
    """The proposed choice: the newest years, with at least a fifth of the documents, test; else a share.

    Years must be consecutive: if there are gaps, the run with the most documents is taken, if nearly
    all documents are in it.

    Raises:
        PapertuneError: documents are listed by year, and there are no two consecutive years.
    """
    counts = found.counts if found.whole else Counter(dict.fromkeys(found.years, 1))
    if source.years != "none" and not found.whole and len(found.years) == 1:
        last = found.years[0]  # the requested year
        counts = Counter(dict.fromkeys(range(last - SPAN + 1, last + 1), 1))
    if volumes := getattr(source, "volumes", None):
        counts = Counter(dict.fromkeys(volumes, 1)) if isinstance(volumes, dict) else counts
    run = _run(counts)
    held = sum(counts[year] for year in run)
    every = len(found.documents) if found.whole else counts.total()
    needed = source.years == "needed"
    if source.years == "none" or len(run) < 2 or (held < DATED * every and not needed):
        if needed:
            there = ", ".join(map(str, sorted(counts))) or "none"
            raise PapertuneError(
                f"this source is split by year, and has no two consecutive years ({there})",
                hint="take a table (CSV), whose documents can also be split by a share",
            )
        share = next((s for s in SHARES if _tested(found, s) >= FEWEST["test"]), SHARES[-1])
        return Choice(None, share if found.whole else SHARES[0])
    first = len(run) - (2 if len(run) >= MANY else 1)
    while first > 1 and sum(counts[year] for year in run[first:]) < TESTED * held:
        first -= 1
    return Choice((run[0], run[first - 1]), (run[first], run[-1]))


def _run(counts: Mapping[int, int]) -> list[int]:
    """The consecutive years with the most documents."""
    years = sorted(counts)
    ends = [place for place, (a, b) in enumerate(pairwise(years), start=1) if b > a + 1]
    bounds = [0, *ends, len(years)]
    runs = [years[a:b] for a, b in pairwise(bounds)]
    return max(runs, key=lambda run: sum(counts[year] for year in run)) if years else []


def _tested(found: Looked, share: float) -> int:
    return sizes(found.documents, {"test": share})["test"]


def sizes(documents: Sequence[Document], splits: Mapping[str, Any]) -> Counter[str | None]:
    """Split → number of its documents; ``None`` counts those in no split."""
    settings = Splits.model_validate(splits)
    return Counter(split_of(one, settings) for one in documents)


def read(text: str, before: Choice | None = None) -> Choice:
    """The choice in a text like :data:`EXAMPLE`; test years alone keep the first training year.

    Raises:
        PapertuneError: the text has neither years nor a share.
    """
    words = re.split(r"[\s,;/]+", text.strip())
    years = [found for word in words if (found := _YEARS.fullmatch(word))]
    if len(years) == len(words) and len(words) in (1, 2):
        *train, test = [(int(one[1]), int(one[2] or one[1])) for one in years]
        if not train and before and before.train and before.train[0] < test[0]:
            train = [(before.train[0], test[0] - 1)]
        if train:
            return Choice(train[0], test)
        raise PapertuneError("which years train?", where=text, hint=EXAMPLE)
    percent = text.strip().endswith("%")
    try:
        share = float(text.strip().removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        share = 0
    if not 0 < share < 1:
        raise PapertuneError("neither years nor a share of the documents", where=text, hint=EXAMPLE)
    return Choice(None, share)


def splits_of(choice: Choice, found: Looked, sample: Mapping[str, int]) -> dict[str, Any]:
    """The settings ``splits`` of a choice.

    Args:
        choice: Training and test years, or the test share.
        found: The documents found, which decide the share of validation.
        sample: Split → largest number of its documents in all.

    Raises:
        PapertuneError: years overlap, or one of them has no document.
    """
    splits: dict[str, Any] = {"test": choice.test}
    if choice.train and not isinstance(choice.test, float):
        spans = {"train": choice.train, "test": choice.test}
        splits = {name: {"from": a, "to": b} for name, (a, b) in spans.items()}
        for name, (first, last) in spans.items():
            lacking = [year for year in range(first, last + 1) if year not in found.counts]
            if found.whole and lacking:
                there = ", ".join(map(str, sorted(found.counts)))
                what = f"no document of {', '.join(map(str, lacking[:5]))}, a year chosen to {name}"
                raise PapertuneError(what, where=str(choice), hint=f"years with documents: {there}")
    try:
        made = Splits.model_validate(splits)
    except ValueError as error:
        told = str(error).splitlines()[2].strip().removeprefix("Value error, ").split(" [")[0]
        raise PapertuneError(told, where=str(choice), hint=EXAMPLE) from None
    if found.whole:
        for share in VALIDATION:
            splits["validation"] = share
            if sizes(found.documents, splits)["validation"] >= FEWEST["validation"]:
                break
    count = sizes(found.documents, splits) if found.whole else Counter()
    drawn = {}
    for name, wanted in sample.items():
        span = getattr(made, name)
        parts = len(span.span()) if hasattr(span, "span") else 1
        has = count[name] + (count["validation"] if name == "train" else 0)
        if not found.whole or has > wanted:
            drawn[name] = max(1, round(wanted / parts))
    return splits | ({"sample": drawn} if drawn else {})
