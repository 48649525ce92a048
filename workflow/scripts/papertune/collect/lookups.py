"""A document's text from whoever has it: asked one after the other, in the experiment's order.

Scholarly APIs are asked with a document's DOI or arXiv number, its landing page as it comes or in
a browser. The first whole text is taken; a beginning only if nobody has the whole. What asking
gave is kept as soon as it is known, in words for people too.
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
# other rules, limits, rights and times give another outcome, so these are not kept
NOT_OF_THE_DOCUMENT = ("no_contact", "robots", "too_large", "private_address", "browser_memory")
# what says that there is no such page; any other status is the site's, for whoever asks
NO_PAGE = ("http_400", "http_404", "http_410", "http_414")
NOT_ASKED = "no_doi"  # nothing that the API could be asked with; not worth telling of
# a page that was refused is not asked for by other means
NOT_RENDERED = (
    "http_4", "no_contact", "robots", "not_html", "too_large", "bad_url", "redirects",
    "private_address", "parse_",
)  # fmt: skip
_AGAIN = "; to have it read again, delete its file in the folder that the log names"
_REFUSED = "the site refuses it; ask again with --forcerun fetch_documents"
REASONS = {
    "parse_time": f"reading it took more than {SECONDS:.0f} s{_AGAIN}",
    "parse_memory": f"reading it took more than {MEGABYTES} MB{_AGAIN}",
    "parse_died": f"reading it ended the process that reads, twice{_AGAIN}",
    "parse_failed": f"it cannot be read; the log says why{_AGAIN}",
    "no_contact": "it was not asked, as no contact address is set: set "
    "PAPERTUNE_CONTACT or fetching.contact, and ask again with --forcerun fetch_documents",
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
    "http_401": _REFUSED,
    "http_402": _REFUSED,
    "http_403": _REFUSED,
    "http_404": "there is no such page",
    "site_fails": "the site fails, and says so; ask again with --forcerun fetch_documents",
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


Resolver = tuple[str, Callable[[Document], Outcome]]


def resolvers(names: Iterable[str], session: PoliteSession, fetching: Fetching) -> list[Resolver]:
    """The resolvers of these names that need no browser."""

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
    """Whether a reason says nothing of the document, as rights, rules and limits may change."""
    return reason in NOT_OF_THE_DOCUMENT or (reason.startswith("http_") and reason not in NO_PAGE)


def resolve(document: Document, chain: list[Resolver]) -> Outcome:
    """The text of a document from the first that has it whole.

    Args:
        document: Its ``text`` is empty, or the beginning that somebody had (reason ``truncated``).
        chain: Who is asked, in this order.

    Returns:
        The text and who gave it; or the longest beginning; or the last reason. ``tried`` names
        those that gave no whole text, and why. It is passing where somebody could not be asked.

    Raises:
        HostStopped: nobody had the text, and the host of one that might have it is not asked now.
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
            if error.reason != "no_contact":  # which is told once
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
    """The documents with what asking gave; one's failure is its reason, not the job's.

    Args:
        documents: Those that are asked for where the store does not have their outcome.
        chain: Who is asked, in this order; in as many threads.
        kept: Where outcomes are kept that will not pass.
        what: Names them in the log.
        threads: How many hosts are asked at once.

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
            f"{stopped[0].what}; {len(stopped)} of {len(documents)} documents are still to be asked"
            + (f" (also {', '.join(others)})" if others else ""),
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
    """`` (3 × robots, 1 × timeout)`` by their reasons, or nothing for none."""
    counts = Counter(item.reason for item in items).most_common()
    listed = ", ".join(f"{count} × {reason}" for reason, count in counts)
    return f" ({listed})" if listed else ""


def without_texts(lost: list[Document]) -> CollectError:
    """The error of documents of which not one has a text; says what most of them lack."""
    [(reason, _)] = Counter(document.reason for document in lost).most_common(1)
    said = f": {REASONS[reason]}" if reason in REASONS else ""
    if reason == "no_contact":
        what = f"not one of {len(lost)} documents has a text{counted(lost)}"
        return CollectError(what, where="fetching.contact", hint=NAME_A_CONTACT)
    return CollectError(
        f"not one of {len(lost)} documents has a text{counted(lost)}{said}",
        where=lost[0].url,
        hint="open some of the pages in a browser: if they show abstracts, their markup is new to "
        "papertune/collect/texts/publishers.py; else give the abstracts as local files (source "
        "kind: files)",
    )


def rejection(document: Document, why_not: str) -> Rejection:
    """A document without a text as the report tells of it; ``why_not`` says why no browser was asked."""
    said = REASONS.get(document.reason, "")
    if document.reason == "needs_browser" and why_not:
        said = f"{said}: {why_not}"
    detail = f"{document.title} – {document.url}" + (f" – {said}" if said else "")
    return Rejection("collect", document.id, document.reason, detail)
