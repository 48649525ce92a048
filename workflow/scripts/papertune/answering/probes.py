"""The pairs of probes: written in the experiment file, or picked from test sets."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path
from typing import Self

from papertune.identity import fingerprint, share
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Pair, pair_id
from papertune.study.settings import Probe

log = logging.getLogger(__name__)


def gather_probes(
    probes: Mapping[str, Probe], *, instruction: str, picked: Mapping[str, Path], output: Path
) -> int:
    """Write the pairs of one set of probes, in their order; returns their number.

    Picked are the pairs whose ids have the smallest hashes, so that added pairs change the choice
    as little as possible.

    Args:
        instruction: The instruction of probes from the experiment file.
        picked: Probe → the file of pairs that it picks from.
    """

    def pairs() -> Iterator[Pair]:
        for name, probe in probes.items():
            found = (
                [_given(probe, instruction)] if name not in picked else _first(picked[name], probe)
            )
            if len(found) < (probe.pick or 1):
                log.warning("probe %s: there are %d pairs, not %s", name, len(found), probe.pick)
            for pair in found:
                yield replace(pair, provenance={"probe": name, "from": probe.origin})

    return write_pairs(output, pairs())


def _given(probe: Probe, instruction: str) -> Pair:
    document = fingerprint(["probe", *probe.asked()])
    key = pair_id(document, probe.prompt, probe.reference)
    said = (instruction, probe.context, probe.prompt, probe.reference)
    return Pair(key, document, 0, *said, "probe")


def _first(path: Path, probe: Probe) -> list[Pair]:
    # later turns of a conversation mean nothing without the earlier ones
    every = (pair for pair in read_pairs(path) if not pair.before)
    return nsmallest(probe.pick or 1, every, key=lambda pair: share(pair.id, "probe"))


@dataclass(frozen=True, slots=True)
class ProbePair:
    """The pair of a probe, and its number."""

    probe: str
    origin: str  # of the probe
    pair: Pair

    @classmethod
    def of(cls, pair: Pair) -> Self:
        """Make it from a pair in a file of :func:`gather_probes`."""
        return cls(pair.provenance["probe"], pair.provenance["from"], pair)

    def text_id(self, text: str) -> str:
        """The key of an answer's ratings: it depends on question and answer only."""
        return text_id(self.pair, text)


def text_id(pair: Pair, text: str) -> str:
    """The key of ratings of an answer to a pair; see :meth:`ProbePair.text_id`."""
    return fingerprint([pair.context, pair.question, text])


def read_probes(paths: Mapping[str, Path | str]) -> dict[str, ProbePair]:
    """Read pair id → probe from all sets of probes, given as name → file."""
    return {pair.id: ProbePair.of(pair) for path in paths.values() for pair in read_pairs(path)}
