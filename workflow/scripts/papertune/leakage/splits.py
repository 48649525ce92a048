"""Keep splits disjoint: training texts are removed from validation and test sets."""

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
    """Find documents of a split that also occur on the training side, exactly or nearly.

    Args:
        documents: Files of documents, including the split's.
        mine: Selects the documents of the split.
        training: Files of documents, including those of the training side.
        theirs: Selects the documents of the training side.
        corpora: Files of texts for pre-training a base.
        output: File of a Rejection (stage ``split``) for each document to remove.

    Returns:
        The copies that were found.
    """
    side, seen, found = Training(training_side(training, theirs, corpora)), set[str](), []
    for copy in side.copies(_once(of_splits(documents, [mine]), seen)):
        found.append(copy)
        if told := moved(copy):
            log.warning("%s", told)
    write_records(output, map(rejection, found))
    reasons = Counter(copy.reason for copy in found)
    said = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    log.info(
        "%s: %d of %d documents removed: %s", mine.split, len(found), len(seen), said or "none"
    )
    return found


def _once(texts: Iterable[tuple[Place, Entry]], seen: set[str]) -> Iterator[Entry]:
    for _, entry in texts:
        if entry.id not in seen:
            seen.add(entry.id)
            yield entry


def of_splits(files: Iterable[File], chosen: Sequence[SplitOf]) -> Iterator[tuple[Place, Entry]]:
    """The documents of some splits, read from files of documents."""
    for path in map(Path, files):
        for place, entry in entries(path):
            if any(one(entry) for one in chosen):
                yield place, entry


def training_side(
    training: Iterable[File], theirs: Sequence[SplitOf], corpora: Iterable[File]
) -> Iterator[tuple[Place, Entry]]:
    """The documents of the training side, then the texts for pre-training a base."""
    texts = (entries(Path(path)) for path in corpora)
    return chain(of_splits(training, theirs), chain.from_iterable(texts))


def rejection(copy: Copy) -> Rejection:
    """The rejection of a copy, for counts and tables."""
    like = "" if copy.share is None else f": {copy.share:.0%} of their runs of words are the same"
    detail = f"{copy.entry.named} is on the training side as {copy.original.named}{like}"
    return Rejection(
        "split", copy.entry.id, copy.reason, ". ".join(filter(None, (detail, moved(copy))))
    )


def moved(copy: Copy) -> str:
    """Advice for a document that is listed in two years; empty for other copies."""
    trains, tests, title = copy.original.year, copy.entry.year, copy.entry.title
    if copy.original.id != copy.entry.id or trains == tests:
        return ""
    return (
        f"“{title}” is listed for {trains}, which trains, and for {tests}: it stays where it trains "
        f"and is asked about nowhere else. If its year was changed, `snakemake refresh` lists {trains} "
        "again (then models are trained again without it); in a file of your own, delete one row"
    )
