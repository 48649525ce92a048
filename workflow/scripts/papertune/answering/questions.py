"""The choice of pairs for a test set with a limit."""

from heapq import nsmallest
from pathlib import Path

from papertune.identity import share
from papertune.pairfile import read_pairs, read_pairs_at, write_pairs


def choose_questions(pairs: Path, *, output: Path, most: int) -> int:
    """Write the ``most`` pairs of a file whose ids have the smallest hashes; returns their number.

    Added pairs change the choice as little as possible. The order is the file's. The first turns of
    a conversation are taken.
    """
    found = [(one.conversation, len(one.before)) for one in read_pairs(pairs)]
    order = [(share(conversation, "asked"), turn) for conversation, turn in found]
    chosen = nsmallest(most, range(len(order)), key=order.__getitem__)
    return write_pairs(output, read_pairs_at(pairs, sorted(chosen)))
