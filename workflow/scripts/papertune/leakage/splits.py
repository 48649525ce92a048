"""Splits that are really apart: what stands on the training side leaves validation or testing."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from papertune.jobs import stopping
from papertune.leakage.copies import Copy, Entry, Place, Training, entries
from papertune.leakage.texts import pair_key
from papertune.pairfile import read_columns
from papertune.records import Pair, Rejection, read_records, write_records
from papertune.study.splits import SplitOf

log = logging.getLogger("papertune")

File = str | Path


@stopping.at_once()
def keep_apart(
    *,
    documents: Iterable[File],
    mine: SplitOf,
    training: Iterable[File],
    theirs: Sequence[SplitOf],
    corpora: Iterable[File],
    output: File,
) -> list[Copy]:
    """Find the documents of a split that stand on the training side, as they are or nearly so.

    Args:
        documents: Files of documents, the split's among them.
        mine: Which documents are the split's.
        training: Files of documents, those of the training side among them.
        theirs: Which documents are of the training side.
        corpora: Files of texts that a base is pre-trained on.
        output: Rejection(stage ``split``) of each document that has to leave.

    Returns:
        What was found.
    """
    side = Training(chain(of_splits(training, theirs), chain.from_iterable(map(_texts, corpora))))
    seen: dict[str, None] = {}
    own = (entry for _, entry in of_splits(documents, [mine]) if entry.id not in seen)
    found = []
    for copy in side.copies(_noted(own, seen)):
        found.append(copy)
        if told := moved(copy):
            log.warning("%s", told)
    write_records(output, map(rejection, found))
    reasons = Counter(copy.reason for copy in found)
    said = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    log.info("%s: %d of %d documents leave: %s", mine.split, len(found), len(seen), said or "none")
    return found


def _noted(texts: Iterable[Entry], seen: dict[str, None]) -> Iterator[Entry]:
    for entry in texts:
        seen[entry.id] = None
        yield entry


def of_splits(files: Iterable[File], chosen: Sequence[SplitOf]) -> Iterator[tuple[Place, Entry]]:
    """The documents of some splits, in files of documents."""
    for path in map(Path, files):
        for place, entry in entries(path):
            if any(one(entry) for one in chosen):
                yield place, entry


def _texts(path: File) -> Iterator[tuple[Place, Entry]]:
    return entries(Path(path))


def rejection(copy: Copy) -> Rejection:
    """What the counts and the tables have of a copy."""
    like = "" if copy.share is None else f": {copy.share:.0%} of their runs of words are the same"
    detail = f"{copy.entry.named} stands on the training side as {copy.original.named}{like}"
    return Rejection(
        "split", copy.entry.id, copy.reason, ". ".join(filter(None, (detail, moved(copy))))
    )


def moved(copy: Copy) -> str:
    """What to do about a document that is listed in two years, in words; empty for others."""
    trains, tests, title = copy.original.year, copy.entry.year, copy.entry.title
    if copy.original.id != copy.entry.id or trains == tests:
        return ""
    return (
        f"“{title}” is listed for {trains}, which trains, and for {tests}: it stays where it trains "
        f"and is asked about nowhere else. If its year was changed, `snakemake refresh` lists {trains} "
        "again (then models are trained again without it); in a file of your own, delete one row"
    )


def left_out(path: File | None) -> frozenset[str]:
    """The ids of the documents that left a split."""
    return frozenset(one.key for one in read_records(path, Rejection)) if path else frozenset()


class TrainedPairs:
    """The pairs that models are trained with, to ask whether another is one of them.

    Args:
        datasets: Their files.
        reading: Every model is trained with the text that a question is about. The same question
            and answer about another text is then another pair: the answer has to be found anew.
    """

    def __init__(self, datasets: Collection[File], *, reading: bool) -> None:
        self._reading = reading
        columns = (read_columns(path, "question", "answer", "context") for path in datasets)
        self._keys = frozenset(self._key(*row) for of in columns for row in zip(*of, strict=True))

    def __contains__(self, pair: Pair) -> bool:
        return (
            bool(self._keys) and self._key(pair.question, pair.answer, pair.context) in self._keys
        )

    def _key(self, question: str, answer: str, context: str) -> bytes:
        return pair_key(question, answer, context if self._reading else "")

    def count(self, dataset: File) -> tuple[int, int]:
        """How many pairs of a file are among them, and how many it has."""
        rows = [*zip(*read_columns(dataset, "question", "answer", "context"), strict=True)]
        return sum(self._key(*row) in self._keys for row in rows), len(rows)
