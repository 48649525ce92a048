"""What asking for each document gave, kept as soon as it is known."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace

from papertune.errors import CollectError
from papertune.progress import progress
from papertune.records import Document
from papertune.sources.transport import HostStopped, PageError
from papertune.store import Store

log = logging.getLogger("papertune")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What asking for one document gave; a passing one is not kept."""

    text: str = ""
    found_by: str = ""
    reason: str = ""
    passing: bool = False


def work(
    documents: list[Document],
    ask: Callable[[Document], Outcome],
    kept: Store,
    what: str,
) -> dict[str, Outcome]:
    """Ask for what the store does not have; one document's failure is its reason, not the job's.

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
    for document in progress(open_ones, len(open_ones), what) if open_ones else ():
        try:
            outcome = ask(document)
        except HostStopped as error:
            stopped.append(error)
            continue
        except PageError as error:
            log.warning("%s", error)
            # neither robots.txt nor the size limit is a property of the document
            passing = error.passing or error.reason in ("robots", "too_large")
            outcome = Outcome(reason=error.reason, passing=passing)
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


def outcome_of(value: dict[str, str]) -> Outcome:
    """An outcome as the store keeps it."""
    return Outcome(value["text"], value["found_by"], value["reason"])


def with_outcome(document: Document, outcome: Outcome | None) -> Document:
    """The document with what asking for it gave."""
    if outcome is None:
        return document
    return replace(document, text=outcome.text, found_by=outcome.found_by, reason=outcome.reason)


def counted(reasons: Iterable[str]) -> str:
    """``3 × robots, 1 × timeout``"""
    counts = Counter(reasons)
    return ", ".join(f"{count} × {reason}" for reason, count in counts.most_common())
