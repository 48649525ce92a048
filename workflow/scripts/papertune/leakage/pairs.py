"""Queries about the training side: documents removed from a split, and training pairs."""

from collections.abc import Collection, Iterator
from pathlib import Path

from papertune.leakage.texts import pair_key
from papertune.pairfile import read_pairs
from papertune.records import Pair, Rejection, read_records

File = str | Path


def left_out(path: File | None) -> frozenset[str]:
    """The ids of the documents removed from a split."""
    return frozenset(one.key for one in read_records(path, Rejection)) if path else frozenset()


class TrainedPairs:
    """The training pairs of models, for testing whether a pair is one of them.

    Args:
        datasets: Files of the training pairs.
        reading: Every model is trained with the text that a question is about. The same question
            and answer about another text is then a different pair: the answer must be found anew.
    """

    def __init__(self, datasets: Collection[File], *, reading: bool) -> None:
        self._reading = reading
        self._keys = frozenset(self._key(*row) for path in datasets for row in _texts(path))

    def __contains__(self, pair: Pair) -> bool:
        return (
            bool(self._keys) and self._key(pair.question, pair.answer, pair.context) in self._keys
        )

    def _key(self, question: str, answer: str, context: str) -> bytes:
        return pair_key(question, answer, context if self._reading else "")

    def count(self, dataset: File) -> tuple[int, int]:
        """How many pairs of a file are training pairs, and how many it has."""
        known = [self._key(*row) in self._keys for row in _texts(dataset)]
        return sum(known), len(known)


def _texts(dataset: File) -> Iterator[tuple[str, str, str]]:
    """Question, answer and context of each pair; one row group is in memory at a time."""
    return ((pair.question, pair.answer, pair.context) for pair in read_pairs(dataset))
