"""What asking for each document gave, kept as soon as it is known."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from papertune.collect.web.per_host_pool import in_lanes, lane_of
from papertune.collect.web.transport import HostStopped
from papertune.errors import CollectError
from papertune.jobs.progress import progress
from papertune.records import Document
from papertune.store import Store

log = logging.getLogger("papertune")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What asking for one document gave; a passing one is not kept.

    A text with the reason ``truncated`` is the beginning of one. ``tried`` are those that gave
    nothing before, ``crossref: no_abstract``.
    """

    text: str = ""
    found_by: str = ""
    reason: str = ""
    passing: bool = False
    tried: list[str] = field(default_factory=list)


def work(
    documents: list[Document],
    ask: Callable[[Document], Outcome],
    kept: Store,
    what: str,
    *,
    lanes: int = 1,
) -> dict[str, Outcome]:
    """Ask for what the store does not have; one document's failure is its reason, not the job's.

    Args:
        documents: What is wanted.
        ask: Asks for one; run in several threads where there are several lanes.
        kept: Where outcomes are kept that will not pass.
        what: Names them in the log.
        lanes: How many hosts are asked at once.

    Raises:
        CollectError: at the end, if a host was given up; everything finished is then in the store.
    """
    outcomes = {
        document.id: outcome_of(kept.get(document.id))
        for document in documents
        if document.id in kept
    }
    open_ones = [document for document in documents if document.id not in outcomes]
    stopped: list[HostStopped] = []
    if outcomes:
        log.info("%d of %d documents are in the store", len(outcomes), len(documents))
    asked = in_lanes(open_ones, lambda document: lane_of(document.url), ask, lanes=lanes)
    for document, outcome in progress(asked, len(open_ones), what) if open_ones else ():
        if isinstance(outcome, HostStopped):
            stopped.append(outcome)
            continue
        if isinstance(outcome, Exception):
            raise outcome
        outcomes[document.id] = outcome
        if not outcome.passing:
            value = asdict(outcome)
            del value["passing"]
            kept.add({document.id: value})
    if stopped:
        others = sorted({error.where for error in stopped} - {stopped[0].where})
        raise CollectError(
            f"{stopped[0].what}; {len(stopped)} of {len(documents)} documents are still to be asked"
            + (f" (also {', '.join(others)})" if others else ""),
            where=stopped[0].where,
            hint=stopped[0].hint,
        )
    return outcomes


def outcome_of(value: dict[str, Any]) -> Outcome:
    """An outcome as the store keeps it."""
    return Outcome(**value)


def with_outcome(document: Document, outcome: Outcome | None) -> Document:
    """The document with what asking for it gave, after whatever was tried before."""
    if outcome is None:
        return document
    return replace(
        document,
        text=outcome.text,
        found_by=outcome.found_by,
        reason=outcome.reason,
        tried=[*document.tried, *outcome.tried],
    )


def counted(reasons: Iterable[str]) -> str:
    """``3 × robots, 1 × timeout``"""
    counts = Counter(reasons)
    return ", ".join(f"{count} × {reason}" for reason, count in counts.most_common())
