"""What asking for each document gave, kept as soon as it is known, in words for people too."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace

from papertune.collect.web.per_host_pool import host_key, map_per_host
from papertune.collect.web.transport import HostStopped
from papertune.errors import CollectError
from papertune.jobs.progress import progress
from papertune.records import Document, Rejection
from papertune.store import Store

log = logging.getLogger("papertune")

# a page that was refused is not asked for by other means
NOT_RENDERED = (
    "http_4", "robots", "not_html", "too_large", "bad_url", "redirects", "private_address"
)  # fmt: skip
REASONS = {
    "no_doi": "neither a DOI nor an arXiv number to look it up by (fetching.lookups.by_title would)",
    "not_found": "the last one asked does not know it",
    "other_title": "only papers with other titles were found",
    "browser_memory": "its scripts take more than fetching.browser_megabytes",
    "browser_died": "the browser died of it twice",
    "robots_unreachable": "the site's robots.txt cannot be read at present",
    "host_stopped": "its host did not answer, or asked for a human, and is asked no more",
    "withdrawn": "it was withdrawn",
    "truncated": "only its beginning was found",
    "api_error": "the API failed; ask again with --forcerun fetch_documents",
    "private_address": "the link leads to a private address; see fetching.allow_hosts",
    "bad_answer": "no answer that could be read; ask again with --forcerun fetch_documents",
    "no_abstract_in_page": "the page has no abstract",
    "no_abstract": "no abstract in the page, nor after its JavaScript ran",
    "needs_browser": "the page as it comes has no abstract; a browser may show one",
    "robots": "robots.txt forbids the page",
    "not_html": "the link leads to a file, not to a page",
    "too_large": "larger than fetching.max_megabytes",
    "timeout": "no answer in time; ask again with --forcerun fetch_documents",
    "connection": "no connection; ask again with --forcerun fetch_documents",
    "http_404": "there is no such page",
}


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
    threads: int = 1,
) -> dict[str, Outcome]:
    """Ask for what the store does not have; one document's failure is its reason, not the job's.

    Args:
        documents: What is wanted.
        ask: Asks for one; run in as many threads.
        kept: Where outcomes are kept that will not pass.
        what: Names them in the log.
        threads: How many hosts are asked at once.

    Raises:
        CollectError: at the end, if a host was given up; everything finished is then in the store.
    """
    asked_before = (document.id for document in documents if document.id in kept)
    outcomes = {key: Outcome(**kept.get(key)) for key in asked_before}
    open_ones = [document for document in documents if document.id not in outcomes]
    stopped: list[HostStopped] = []
    if outcomes:
        log.info("%d of %d documents are in the store", len(outcomes), len(documents))
    asked = map_per_host(open_ones, lambda document: host_key(document.url), ask, threads=threads)
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


def with_outcome(document: Document, outcome: Outcome | None) -> Document:
    """The document with what asking for it gave, after whatever was tried before."""
    if outcome is None:
        return document
    values = {name: getattr(outcome, name) for name in ("text", "found_by", "reason")}
    return replace(document, **values, tried=[*document.tried, *outcome.tried])


def counted(items: Iterable[Document | Rejection]) -> str:
    """`` (3 × robots, 1 × timeout)`` by their reasons, or nothing for none."""
    counts = Counter(item.reason for item in items).most_common()
    listed = ", ".join(f"{count} × {reason}" for reason, count in counts)
    return f" ({listed})" if listed else ""


def rejection(document: Document, why_not: str) -> Rejection:
    """A document without a text as the report tells of it; ``why_not`` says why no browser was asked."""
    said = REASONS.get(document.reason, "")
    if document.reason == "needs_browser" and why_not:
        said = f"{said}: {why_not}"
    detail = f"{document.title} – {document.url}" + (f" – {said}" if said else "")
    return Rejection("collect", document.id, document.reason, detail)
