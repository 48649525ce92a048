"""Splits that are really apart: what stands on the training side leaves validation or testing."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from papertune.jobs import stopping
from papertune.leakage.copies import Copy, Entry, Place, Training, entries
from papertune.leakage.pairs import File
from papertune.records import Rejection, write_records
from papertune.study.splits import SplitOf

log = logging.getLogger("papertune")


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
    side, seen, found = Training(training_side(training, theirs, corpora)), set[str](), []
    for copy in side.copies(_once(of_splits(documents, [mine]), seen)):
        found.append(copy)
        if told := moved(copy):
            log.warning("%s", told)
    write_records(output, map(rejection, found))
    reasons = Counter(copy.reason for copy in found)
    said = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    log.info("%s: %d of %d documents leave: %s", mine.split, len(found), len(seen), said or "none")
    return found


def _once(texts: Iterable[tuple[Place, Entry]], seen: set[str]) -> Iterator[Entry]:
    for _, entry in texts:
        if entry.id not in seen:
            seen.add(entry.id)
            yield entry


def of_splits(files: Iterable[File], chosen: Sequence[SplitOf]) -> Iterator[tuple[Place, Entry]]:
    """The documents of some splits, in files of documents."""
    for path in map(Path, files):
        for place, entry in entries(path):
            if any(one(entry) for one in chosen):
                yield place, entry


def training_side(
    training: Iterable[File], theirs: Sequence[SplitOf], corpora: Iterable[File]
) -> Iterator[tuple[Place, Entry]]:
    """The documents of the training side, then the texts that a base is pre-trained on."""
    texts = (entries(Path(path)) for path in corpora)
    return chain(of_splits(training, theirs), chain.from_iterable(texts))


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
