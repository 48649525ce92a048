"""Look up a document's text: resolvers are asked in turn, in the experiment's order.

A resolver is a scholarly API, asked by DOI or arXiv number, or the landing page, as served or
rendered in a browser. The first complete text is taken; a truncated one only if no resolver has a
complete one. Each outcome is stored as soon as it is known; ``REASONS`` explains failures.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from typing import Any

from papertune.collect.web.per_host_pool import host_key, map_per_host
from papertune.collect.web.session import NAME_A_CONTACT, PoliteSession
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError
from papertune.jobs.apart import MEGABYTES, SECONDS
from papertune.jobs.progress import progress
from papertune.records import Document, Rejection
from papertune.store import Store
from papertune.study.settings import Fetching

log = logging.getLogger("papertune")

APIS = ("arxiv", "crossref", "openalex", "semantic_scholar")
# these depend on settings, access rights and time, not on the document, so they are not stored
NOT_OF_THE_DOCUMENT = ("no_contact", "robots", "too_large", "private_address", "browser_memory")
# statuses of a page that does not exist; any other concerns the site or the access rights
NO_PAGE = ("http_400", "http_404", "http_410", "http_414")
NOT_ASKED = "no_doi"  # the document has no identifier to ask an API by; not worth reporting
# a page that failed for one of these reasons is not tried in the browser
NOT_RENDERED = (
    "http_4", "no_contact", "robots", "not_html", "too_large", "bad_url", "redirects",
    "private_address", "parse_",
)  # fmt: skip
_AGAIN = "; to read it again, delete its file in the folder that the log names"
_REFUSED = "the site refuses it; try again with --forcerun fetch_documents"
REASONS = {
    "parse_time": f"reading it took more than {SECONDS:.0f} s{_AGAIN}",
    "parse_memory": f"reading it took more than {MEGABYTES} MB{_AGAIN}",
    "parse_died": f"the process that reads it crashed twice{_AGAIN}",
    "parse_failed": f"it cannot be read; the log says why{_AGAIN}",
    "no_contact": "it was not requested, as no contact address is set: set "
    "PAPERTUNE_CONTACT or fetching.contact, and try again with --forcerun fetch_documents",
    "no_doi": "neither a DOI nor an arXiv number to look it up by (see fetching.lookups.by_title)",
    "not_found": "the last service asked does not have it",
    "other_title": "only papers with other titles were found",
    "browser_memory": "it needs more memory than fetching.browser_megabytes in the browser",
    "browser_died": "the browser crashed on it twice",
    "robots_unreachable": "the site's robots.txt cannot be read at present",
    "host_stopped": "its host did not answer or set a bot challenge, and was given up",
    "withdrawn": "it was withdrawn",
    "truncated": "only its beginning was found",
    "api_error": "the API failed; try again with --forcerun fetch_documents",
    "private_address": "the link leads to a private address; see fetching.allow_hosts",
    "bad_answer": "the answer could not be read; try again with --forcerun fetch_documents",
    "no_abstract_in_page": "the page has no abstract",
    "no_abstract": "the page has no abstract, even after its JavaScript ran",
    "needs_browser": "the page has no abstract without JavaScript; a browser may show one",
    "robots": "robots.txt forbids the page",
    "not_html": "the link leads to a file, not to a page",
    "too_large": "larger than fetching.max_megabytes",
    "timeout": "no answer in time; try again with --forcerun fetch_documents",
    "connection": "no connection; try again with --forcerun fetch_documents",
    "http_401": _REFUSED,
    "http_402": _REFUSED,
    "http_403": _REFUSED,
    "http_404": "there is no such page",
    "site_fails": "the site reports an error of its own; try again with --forcerun fetch_documents",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of looking up one document; a ``passing`` (temporary) one is not stored.

    With the reason ``truncated``, ``text`` is only a beginning. ``tried`` lists the resolvers that
    gave no complete text before, as ``crossref: no_abstract``.
    """

    text: str = ""
    found_by: str = ""
    reason: str = ""
    passing: bool = False
    tried: list[str] = field(default_factory=list)


Resolver = tuple[str, Callable[[Document], Outcome]]


def resolvers(names: Iterable[str], session: PoliteSession, fetching: Fetching) -> list[Resolver]:
    """The resolvers with these names; none of them needs a browser."""

    def landing(document: Document) -> Outcome:
        page = session.get(document.url)
        found = session.abstract(page.text, page.landed, document.url)
        if found is None:
            return Outcome(reason="no_abstract_in_page")
        return Outcome(found.text, found.found_by, "truncated" if found.truncated else "")

    def api(name: str) -> Callable[[Document], Outcome]:
        service = import_module(f"papertune.collect.listings.{name}").SERVICE
        # without a title, an API is asked by identifiers only
        how: dict[str, Any] = {} if fetching.lookups.by_title else {"title": ""}
        return lambda document: service.resolve(session, replace(document, **how), fetching.lookups)

    return [(name, landing if name == "landing" else api(name)) for name in names]


def is_of_the_site(reason: str) -> bool:
    """Whether a reason concerns access rights, rules or limits, which may change."""
    return reason in NOT_OF_THE_DOCUMENT or (reason.startswith("http_") and reason not in NO_PAGE)


def resolve(document: Document, chain: list[Resolver]) -> Outcome:
    """Look up a document's text with the first resolver that has it complete.

    Args:
        document: Its ``text`` is empty, or the beginning found before (reason ``truncated``).
        chain: The resolvers, in the order in which they are asked.

    Returns:
        The complete text and its resolver; else the longest beginning; else the last reason.
        ``tried`` names the resolvers that gave no complete text, and why. The outcome is
        ``passing`` if a resolver could not be asked.

    Raises:
        HostStopped: no text was found, and the host of a resolver was given up.
    """
    best = Outcome(document.text, document.found_by, document.reason)
    tried: list[str] = []
    stopped: HostStopped | None = None
    passing = False
    for name, ask in chain:
        try:
            outcome = ask(document)
        except HostStopped as error:
            stopped = stopped or error
            tried.append(f"{name}: host_stopped")
            continue
        except PageError as error:
            if error.reason != "no_contact":  # reported once for all documents
                log.warning("%s", error)
            passes = error.passing or is_of_the_site(error.reason)
            outcome = Outcome(reason=error.reason, passing=passes)
        if outcome.text and not outcome.reason:
            return replace(outcome, tried=tried)
        passing = passing or outcome.passing
        if outcome.reason == NOT_ASKED and name in APIS:
            continue
        tried.append(f"{name}: {outcome.reason}")
        if len(outcome.text) > len(best.text) or not best.text:
            best = outcome
    if stopped is not None and not best.text:
        raise stopped
    passing = passing or stopped is not None
    return replace(best, reason=best.reason or NOT_ASKED, passing=passing, tried=tried)


def work(
    documents: list[Document], chain: list[Resolver], kept: Store, what: str, *, threads: int = 1
) -> list[Document]:
    """Look documents up; a failure becomes the document's reason and does not end the job.

    Args:
        documents: Those without an outcome in the store are looked up.
        chain: The resolvers, in the order in which they are asked.
        kept: The store of outcomes that are not temporary.
        what: The documents' name in the log.
        threads: How many hosts are asked at once.

    Returns:
        The documents in their order, each with its text or reason.

    Raises:
        CollectError: at the end, if a host was given up; everything finished is then in the store.
    """
    before = (document.id for document in documents if document.id in kept)
    outcomes = {key: Outcome(**kept.get(key)) for key in before}
    open_ones = [document for document in documents if document.id not in outcomes]
    stopped: list[HostStopped] = []
    if outcomes:
        log.info("%d of %d documents are in the store", len(outcomes), len(documents))
    found = map_per_host(
        open_ones,
        lambda document: host_key(document.url),
        lambda document: resolve(document, chain),
        threads=threads,
    )
    for document, outcome in progress(found, len(open_ones), what) if open_ones else ():
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
            f"{stopped[0].what}; {len(stopped)} of {len(documents)} documents are still to be "
            "looked up" + (f" (also {', '.join(others)})" if others else ""),
            where=stopped[0].where,
            hint=stopped[0].hint,
        )
    finished = []
    for document in documents:
        known = outcomes[document.id]
        values = {name: getattr(known, name) for name in ("text", "found_by", "reason")}
        finished.append(replace(document, **values, tried=[*document.tried, *known.tried]))
    return finished


def counted(items: Iterable[Document | Rejection]) -> str:
    """Counts by reason, as in `` (3 × robots, 1 × timeout)``; empty for no items."""
    counts = Counter(item.reason for item in items).most_common()
    listed = ", ".join(f"{count} × {reason}" for reason, count in counts)
    return f" ({listed})" if listed else ""


def without_texts(lost: list[Document]) -> CollectError:
    """The error for documents none of which has a text; it explains the most frequent reason."""
    [(reason, _)] = Counter(document.reason for document in lost).most_common(1)
    said = f": {REASONS[reason]}" if reason in REASONS else ""
    if reason == "no_contact":
        what = f"none of {len(lost)} documents has a text{counted(lost)}"
        return CollectError(what, where="fetching.contact", hint=NAME_A_CONTACT)
    return CollectError(
        f"none of {len(lost)} documents has a text{counted(lost)}{said}",
        where=lost[0].url,
        hint="open some of the pages in a browser: if they show abstracts, add their markup to "
        "papertune/collect/texts/publishers.py; else give the abstracts as local files (source "
        "kind: files)",
    )


def rejection(document: Document, why_not: str) -> Rejection:
    """The rejection of a document without a text; ``why_not`` says why no browser was used."""
    said = REASONS.get(document.reason, "")
    if document.reason == "needs_browser" and why_not:
        said = f"{said}: {why_not}"
    detail = f"{document.title} – {document.url}" + (f" – {said}" if said else "")
    return Rejection("collect", document.id, document.reason, detail)
