"""Which of a generator's pairs a test set asks about, where it has a limit."""

from heapq import nsmallest
from pathlib import Path

from papertune.identity import share
from papertune.pairfile import read_pairs, read_pairs_at, write_pairs


def choose_questions(pairs: Path, *, output: Path, most: int) -> int:
    """Write the ``most`` pairs of a file whose ids have the smallest hashes; returns how many.

    With more pairs the same ones stay, but for those that newer ones take the place of. Their order
    is the file's. Of a conversation its first turns are taken.
    """
    found = [(one.conversation, len(one.before)) for one in read_pairs(pairs)]
    order = [(share(conversation, "asked"), turn) for conversation, turn in found]
    chosen = nsmallest(most, range(len(order)), key=order.__getitem__)
    return write_pairs(output, read_pairs_at(pairs, sorted(chosen)))
