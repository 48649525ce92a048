"""Find exact and near copies of training texts, by id and by text, in time linear in documents.

Candidates for near copies are found by MinHash (Broder 1997) in bands (Leskovec, Rajaraman and
Ullman, *Mining of Massive Datasets*, chapter 3); they are then compared on the texts themselves.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasketch import MinHash

from papertune.collect.identifiers import arxiv_id, doi_of
from papertune.collect.texts.titles import normalised, searchable, similarity
from papertune.leakage.texts import FACTOR, runs, words
from papertune.records import Document, from_dict, object_at, placed_lines

RUN = 3  # words of an n-gram; abstracts on different topics share less than a sixth of these
SHORTEST = 8  # words; an equal text that is shorter ("Not available.") proves nothing
HASHES, ROWS = 256, 3  # of 85 bands, at least one agrees for 99.6 % of texts with similarity 0.4
BANDS = HASHES // ROWS
ALIKE = 0.4  # minimum Jaccard similarity of the n-grams of near copies
ALIKE_BY_TITLE = 0.3  # the same if titles are nearly equal
ALIKE_BY_RARE = 0.25  # the same for n-grams that are not common, if a text has at least FEW
FEW = 20
# an n-gram in more than this share, or this number, of training texts is a phrase of the field
COMMON, MOST_COMMON = 0.02, 10
CONTAINED = 0.8  # share of the shorter text's n-grams, for texts of at least LONG n-grams
CONTAINED_BY_TITLE = 0.25  # the same if titles are equal
LONG = 50
NEAR_TITLE = 0.9
MOST = 20  # maximum of candidates for a text, and from one band, so that work stays linear
BLOCK = 1000  # texts that are searched for at once
_EDITION = re.compile(
    r" (?:(?:extended|full|long|short|journal|revised|preliminary|preprint|arxiv) ){1,2}"
    r"(?:version|abstract|paper|report)$"
)


_SLOTS = np.uint64((1 << 25) - 1)
_NOTHING = MinHash(num_perm=HASHES, seed=1, hashfunc=int)  # numbers are hashes already


class Place(NamedTuple):
    """The place of a text: its file and byte offset."""

    path: Path
    offset: int


class Entry(NamedTuple):
    """A training or test text; a text for pre-training only has neither id nor title."""

    text: str
    id: str = ""
    title: str = ""
    year: int = 0
    url: str = ""
    doi: str = ""
    asked: bool = False  # the text is a question and its answer, or a conversation

    @property
    def named(self) -> str:
        """The text's name for messages."""
        about = ", ".join(filter(None, (str(self.year or ""), self.url)))
        return f"“{self.title}” ({about})" if self.title else f"a text “{self.text[:80]} …”"

    @property
    def names(self) -> set[str]:
        """All identifiers of the text."""
        numbers = (doi_of(self.doi) or doi_of(self.url), arxiv_id(self.url), arxiv_id(self.doi))
        return {self.id, *numbers} - {""}

    @property
    def edition(self) -> str:
        """The title without words that only distinguish editions; empty for a very common title."""
        title = _EDITION.sub("", searchable(self.title)).strip()
        return "" if self.asked else title


class Copy(NamedTuple):
    """A copy that was found; ``share`` is the Jaccard similarity of both texts' n-grams."""

    entry: Entry
    reason: str
    original: Entry
    share: float | None = None


def entries(path: Path) -> Iterator[tuple[Place, Entry]]:
    """The documents of a file, or the texts of a pre-training corpus."""
    for offset, where, values in placed_lines(path):
        yield Place(path, offset), _entry(values, where)


def _entry(values: dict[str, Any], where: str) -> Entry:
    if "id" not in values:
        said = values.get("plain") or values.get("text")
        return Entry(said or values.get("prompt", "") + values.get("completion", ""))
    one = from_dict(Document, values, where=where)
    said = (one.question, one.text, *chain.from_iterable(one.turns))
    text = "\n".join(filter(None, said))
    return Entry(text, one.id, one.title, one.year, one.url, one.doi, bool(one.question))


def blocks(texts: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Split texts into blocks of a thousand."""
    rest = iter(texts)
    while some := list(islice(rest, BLOCK)):
        yield some


@lru_cache(maxsize=512)
def at(place: Place) -> tuple[Entry, np.ndarray]:
    """Read the text at a place, and its word n-grams."""
    entry = _entry(object_at(*place), str(place.path))
    return entry, runs(words(entry.text), RUN)


class Training:
    """An index of the training texts; about a kilobyte of memory per text of any length."""

    def __init__(self, texts: Iterable[tuple[Place, Entry]]) -> None:
        self._places: list[Place] = []
        self._known: dict[str | bytes, int] = {}  # names and digests of texts → number
        self._titles: dict[str, list[int]] = defaultdict(list)
        self._counts = np.zeros(1 << 25, np.uint8)  # texts per n-gram, indexed by its last bits
        keys, some = bytearray(), list[np.ndarray]()  # one large array, not many small ones
        for number, (place, entry) in enumerate(texts):
            self._places.append(place)
            said = words(entry.text)
            self._known.setdefault(_digest(said), number)
            for name in entry.names:
                self._known.setdefault(name, number)
            if (title := entry.edition) and len(self._titles[title]) < MOST:
                self._titles[title].append(number)
            own = runs(said, RUN)
            slots = own & _SLOTS
            self._counts[slots] += self._counts[slots] <= MOST_COMMON
            some.append(sketch(own))
            if len(some) == BLOCK:
                keys += _keys(some)
                some = []
        keys += _keys(some)
        self._common = max(1, min(MOST_COMMON, int(COMMON * len(self._places))))
        self._bands = np.frombuffer(keys, np.uint64).reshape(len(self._places), BANDS).T
        self._orders = [np.argsort(band, kind="stable").astype(np.uint32) for band in self._bands]

    def copies(self, texts: Iterable[Entry]) -> Iterator[Copy]:
        """The copies among the texts, in their order."""
        for block in blocks(texts):
            said = [words(entry.text) for entry in block]
            own = [runs(one, RUN) for one in said]
            sketches = np.array([sketch(one) for one in own], np.uint32)
            near = self._near(sketches)
            for number, entry in enumerate(block):
                found = self._copy(entry, said[number], own[number], near[number])
                if found:
                    yield found

    def _copy(self, entry: Entry, said: list[str], own: np.ndarray, near: list[int]) -> Copy | None:
        same = next(
            (self._known[name] for name in sorted(entry.names) if name in self._known), None
        )
        if same is not None:
            return Copy(entry, "same_document", at(self._places[same])[0])
        equal = self._known.get(_digest(said))
        if equal is not None:
            original = at(self._places[equal])[0]
            known = len(said) >= SHORTEST or entry.asked
            if known or normalised(entry.title) == normalised(original.title):
                return Copy(entry, "same_text", original, 1.0)
        if len(said) < SHORTEST:
            return None
        best: Copy | None = None
        for number in dict.fromkeys([*self._titles.get(entry.edition, ()), *near]):
            original, other = at(self._places[number])
            share = self._alike(entry, own, original, other)
            if share is not None and (best is None or share > (best.share or 0)):
                best = Copy(entry, "near_copy", original, share)
        return best

    def _alike(
        self, entry: Entry, own: np.ndarray, original: Entry, other: np.ndarray
    ) -> float | None:
        """The similarity of two texts if one is a near copy of the other, else None."""
        shorter = min(len(own), len(other))
        if shorter < SHORTEST - RUN + 1:
            return None
        share, contained = _shared(own, other), _shared(own, other, shorter)
        near = share >= ALIKE or (contained >= CONTAINED and shorter >= LONG)
        if not near and entry.edition and entry.edition == original.edition:
            near = contained >= CONTAINED_BY_TITLE
        if not near and not entry.asked and share >= ALIKE_BY_TITLE:
            near = similarity(entry.title, original.title) >= NEAR_TITLE
        own, other = (one[self._counts[one & _SLOTS] <= self._common] for one in (own, other))
        rare = _shared(own, other) if len(own) and len(other) else None
        if not near:
            near = rare is not None and min(len(own), len(other)) >= FEW and rare >= ALIKE_BY_RARE
        elif shorter < LONG and rare is not None and entry.edition != (original.edition or None):
            near = rare >= ALIKE  # short texts of one form share common phrases
        return share if near else None

    def _near(self, sketches: np.ndarray) -> list[list[int]]:
        """For each sketch, the numbers of the texts that share the most bands with it."""
        if not self._places:
            return [[] for _ in sketches]
        found: list[dict[int, int]] = [defaultdict(int) for _ in sketches]
        for band, order, wanted in zip(self._bands, self._orders, _bands(sketches), strict=True):
            keys = band[order]
            first = np.searchsorted(keys, wanted, "left")
            last = np.minimum(np.searchsorted(keys, wanted, "right"), first + MOST)
            for number in np.flatnonzero(last > first):
                for one in order[first[number] : last[number]].tolist():
                    found[number][one] += 1
        return [sorted(of, key=lambda one: (-of[one], one))[:MOST] for of in found]


def _shared(own: np.ndarray, other: np.ndarray, of: int | None = None) -> float:
    shared = len(np.intersect1d(own, other, assume_unique=True))
    return shared / (of or len(own) + len(other) - shared)


def sketch(numbers: np.ndarray) -> np.ndarray:
    """The MinHash of n-grams: HASHES numbers (uint32), equal as often as the n-grams are."""
    one = _NOTHING.copy()
    one.update_batch((numbers >> np.uint64(32)).tolist())
    return np.asarray(one.hashvalues, np.uint32)


def _bands(sketches: np.ndarray) -> Iterator[np.ndarray]:
    """One number (uint64) per band of each sketch."""
    for first in range(0, HASHES - ROWS + 1, ROWS):
        total = np.zeros(len(sketches), np.uint64)
        for row in range(first, first + ROWS):
            total = total * FACTOR + sketches[:, row]
        yield total


def _keys(sketches: list[np.ndarray]) -> bytes:
    """The rows of the bands as bytes, text by text."""
    return np.stack([*_bands(np.array(sketches))], axis=1).tobytes() if sketches else b""


def _digest(said: list[str]) -> bytes:
    return blake2b(" ".join(said).encode(), digest_size=16).digest()
