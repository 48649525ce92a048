"""Suspect test documents: shared 13-grams, or near neighbours of training texts."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import numpy as np

from papertune.leakage.copies import Entry, Place, at, blocks
from papertune.leakage.pairs import File
from papertune.leakage.splits import of_splits, training_side
from papertune.leakage.texts import runs, words
from papertune.records import Suspect, write_records
from papertune.scores.scoring import Embeddings
from papertune.study.splits import SplitOf

log = logging.getLogger("papertune")

GRAM = 13  # words, as in Brown et al. 2020 (GPT-3, appendix C);
COMMON = 10  # as there, an n-gram in more training texts counts as a phrase
NEIGHBOUR = 0.9  # cosine; few abstracts of one field are this close


def find_suspects(
    *,
    documents: Iterable[File],
    mine: SplitOf,
    taken_out: Collection[str],
    training: Sequence[File],
    theirs: Sequence[SplitOf],
    corpora: Sequence[File],
    output: File,
    embeddings: Callable[[], Embeddings] | None = None,
) -> list[Suspect]:
    """Find suspects among the documents that stay in a split, and write ``Suspect`` records.

    Args:
        taken_out: Ids of the removed documents.
        embeddings: Opens the embedder; without it, no neighbours are searched.

    The other arguments are those of :func:`papertune.leakage.splits.keep_apart`.
    """
    own = {e.id: e for _, e in of_splits(documents, [mine]) if e.id not in taken_out}
    found = list(_by_grams(list(own.values()), training_side(training, theirs, corpora)))
    if embeddings and own:
        found += _by_neighbours(list(own.values()), of_splits(training, theirs), embeddings())
    found.sort(key=lambda one: (one.document, one.reason))
    write_records(output, found)
    log.info("%d documents are suspects and stay", len({one.document for one in found}))
    return found


def _by_grams(own: list[Entry], side: Iterable[tuple[Place, Entry]]) -> Iterator[Suspect]:
    grams = [_grams(entry.text) for entry in own]
    wanted = np.unique(np.concatenate([np.zeros(0, np.uint64), *grams]))
    counts, first = np.zeros(len(wanted), np.uint16), np.full(len(wanted), -1, np.int64)
    places = []
    for number, (place, entry) in enumerate(side):
        places.append(place)
        found = _places(wanted, _grams(entry.text))
        counts[found] += counts[found] <= COMMON
        first[found] = np.where(first[found] < 0, number, first[found])
    for entry, mine in zip(own, grams, strict=True):
        place_of = np.searchsorted(wanted, mine)
        shared = place_of[(counts[place_of] > 0) & (counts[place_of] <= COMMON)]
        if len(shared):
            [(number, _)] = Counter(first[shared].tolist()).most_common(1)
            some = f"{len(shared)} run{'s' * (len(shared) > 1)}"
            what = f"{entry.named} shares {some} of {GRAM} words with training"
            detail = f"{what}, with {at(places[number])[0].named} for example"
            yield Suspect(entry.id, "shared_13_grams", len(shared) / len(mine), detail)


def _grams(text: str) -> np.ndarray:
    said = words(text)
    return runs(said if len(said) >= GRAM else [], GRAM)


def _places(wanted: np.ndarray, grams: np.ndarray) -> np.ndarray:
    """Indices in ``wanted`` of the grams that occur in it; both are sorted."""
    places = np.searchsorted(wanted, grams)
    inside = places < len(wanted)
    return places[inside][wanted[places[inside]] == grams[inside]]


def _by_neighbours(
    own: list[Entry], side: Iterable[tuple[Place, Entry]], embeddings: Embeddings
) -> Iterator[Suspect]:
    """The nearest training text of each document, if it is near, by matrix products."""
    mine = np.concatenate([_vectors(some, embeddings) for some in blocks(own)])
    best, nearest = np.zeros(len(own)), list(own)
    for others in blocks(entry for _, entry in side):
        # cosines that differ by rounding only are equal, and the first of these texts is named
        cosines = np.round(mine @ _vectors(others, embeddings).T, 6)
        first = cosines.argmax(axis=1)
        for place in np.flatnonzero(cosines.max(axis=1) > best):
            best[place], nearest[place] = cosines[place, first[place]], others[first[place]]
    for entry, share, near in zip(own, best.tolist(), nearest, strict=True):
        if share >= NEIGHBOUR:
            detail = f"{entry.named} is near {near.named} of training: cosine {share:.2f}"
            yield Suspect(entry.id, "neighbour", share, detail)


def _vectors(some: list[Entry], embeddings: Embeddings) -> np.ndarray:
    texts = [entry.text for entry in some]
    embeddings.load(texts)
    return embeddings.vectors(texts)
