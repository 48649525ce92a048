"""The questions that train the filter: the study's, and unrelated ones."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papertune.collect.listings.pairs import is_value, rows_of_hub
from papertune.collect.listings.places import places, value_of
from papertune.collect.listings.rows import Row, raw_rows, runs, text_in
from papertune.errors import CollectError
from papertune.pairfile import read_pairs
from papertune.records import Rejection, write_records
from papertune.study.settings import UnrelatedDataset, UnrelatedStudy, UnrelatedTable
from papertune.study.settings.notation import nearest

log = logging.getLogger("papertune")

LONGEST = 10_000  # most characters of a question; longer texts are rejected


@dataclass(frozen=True, slots=True)
class Asked:
    """A question.

    Questions with the same ``document`` stay in one fold; for a table, it is the value in the group
    column, else the row.
    """

    id: str
    document: str
    question: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, and the score and threshold of a filter that was trained without its fold."""

    id: str
    document: str
    question: str
    related: bool
    score: float
    threshold: float

    @property
    def passes(self) -> bool:
        """Whether the filter takes it for one of the study's."""
        return self.score >= self.threshold


def list_unrelated(
    against: UnrelatedTable | UnrelatedDataset | UnrelatedStudy,
    *,
    output: str | Path,
    rejected: str | Path,
    pairs: str | Path = "",
) -> int:
    """Write the unrelated questions, and the rejected rows with reasons.

    Args:
        pairs: The file of another experiment's pairs, if the questions come from there.

    Returns:
        The number of questions.

    Raises:
        CollectError: the table cannot be read, or has no such column or no question.
        RecordError: the file of pairs cannot be read.
    """
    left: list[Rejection] = []
    found = _of_pairs(pairs) if isinstance(against, UnrelatedStudy) else _of_rows(against)
    count = write_records(output, _kept(found, left))
    write_records(rejected, left)
    log.info("%d questions, %d rows without one", count, len(left))
    if not count:
        said = f"; the first row: {left[0].key}: {left[0].detail}" if left else ""
        hint = "check column and where of filter.against"
        raise CollectError(f"no question in it{said}", where=_place(against, pairs), hint=hint)
    return count


def related(files: Iterable[str | Path]) -> Iterator[Asked | Rejection]:
    """The questions of files of pairs; follow-ups are rejected, as they say too little by themselves."""
    for path in files:
        for pair in read_pairs(path):
            if pair.before:
                yield Rejection("filter", pair.id, "follow_up", pair.question[:200])
            else:
                yield Asked(pair.id, pair.document, pair.question)


def _of_pairs(path: str | Path) -> Iterator[Asked | Rejection]:
    for one in related([path]):
        yield one if isinstance(one, Rejection) else _question(one.id, one.document, one.question)


def _kept(found: Iterable[Asked | Rejection], left: list[Rejection]) -> Iterator[Asked]:
    for one in found:
        if isinstance(one, Asked):
            yield one
        else:
            left.append(one)


def _place(against: Any, pairs: str | Path = "") -> str:
    if isinstance(against, UnrelatedDataset):
        return f"{against.dataset} at {against.revision}"
    return str(pairs or against.path)


def _of_rows(against: UnrelatedTable | UnrelatedDataset) -> Iterator[Asked | Rejection]:
    rows: Iterable[tuple[int, Any]]
    if isinstance(against, UnrelatedTable):
        rows = raw_rows(against.file)
    else:
        rows = enumerate(map(dict, rows_of_hub(against)), start=1)
    needed = {*filter(None, (against.column, against.group)), *against.where}
    unseen, count, first = set(needed), 0, Row()
    for line, row in (numbered for run in runs(rows) for numbered in run):
        if count == against.limit:
            return
        if isinstance(row, str):
            yield Rejection("filter", f"row:{line}", "bad_row", row)
            continue
        first = first or row
        unseen = {name for name in unseen if name not in row and value_of(row, name) is None}
        if all(is_value(value_of(row, column), value) for column, value in against.where.items()):
            one = _of_row(against, line, row)
            count += isinstance(one, Asked)
            yield one
    if first and unseen:
        names = list(places(first))[:60]
        missing = sorted(unseen)
        raise CollectError(
            f"no row has the column {', '.join(map(repr, missing))}{nearest(missing[0], names)}",
            where=_place(against),
            hint=f"the first row has {', '.join(names)}; set column, group and where of "
            "filter.against to these",
        )


def _of_row(against: UnrelatedTable | UnrelatedDataset, line: int, row: Row) -> Asked | Rejection:
    key, text = f"row:{line}", text_in(value_of(row, against.column))
    if text is None:
        return Rejection("filter", key, "bad_row", f"{against.column} is no text")
    group = text_in(value_of(row, against.group)) if against.group else ""
    return _question(key, f"group:{group}" if group else key, text)


def _question(key: str, document: str, text: str) -> Asked | Rejection:
    if not text:
        return Rejection("filter", key, "no_question")
    if len(text) > LONGEST:
        return Rejection("filter", key, "too_long", f"{len(text):,} characters")
    return Asked(key, document, text)
