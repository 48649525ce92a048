"""A document's text from whoever has it: asked one after the other, in the experiment's order.

Scholarly APIs are asked with a document's DOI or arXiv number, its landing page as it comes or in
a browser. The first whole text is taken; a beginning only if nobody has the whole.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from papertune.collect.lookups import Outcome
from papertune.collect.texts.abstracts import best_abstract
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import HostStopped, PageError
from papertune.records import Document
from papertune.study.settings import Fetching

log = logging.getLogger("papertune")

APIS = ("arxiv", "crossref", "openalex", "semantic_scholar")
# other rules and limits give another outcome, so these are not kept
NOT_OF_THE_DOCUMENT = ("robots", "too_large", "private_address", "browser_memory")
NOT_ASKED = "no_doi"  # nothing that the API could be asked with; not worth telling of

Resolver = tuple[str, Callable[[Document], Outcome]]


def resolvers(names: Sequence[str], session: PoliteSession, fetching: Fetching) -> list[Resolver]:
    """The resolvers of these names that need no browser."""
    return [(name, _resolver(name, session, fetching)) for name in names]


def resolve(document: Document, chain: Sequence[Resolver]) -> Outcome:
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
            log.warning("%s", error)
            passing = passing or error.passing or error.reason in NOT_OF_THE_DOCUMENT
            outcome = Outcome(reason=error.reason)
        if outcome.text and not outcome.reason:
            return replace(outcome, tried=tried)
        passing = passing or outcome.passing
        if outcome.reason == NOT_ASKED and name in APIS:
            continue
        tried.append(f"{name}: {outcome.reason}")
        if len(outcome.text) > len(best.text):
            best = outcome
        elif not best.text:
            best = Outcome(reason=outcome.reason)
    if stopped is not None and not best.text:
        raise stopped
    return replace(
        best,
        reason=best.reason or NOT_ASKED,
        passing=passing or stopped is not None,
        tried=tried,
    )


def _resolver(
    name: str, session: PoliteSession, fetching: Fetching
) -> Callable[[Document], Outcome]:
    if name == "landing":
        return lambda document: _landing(session, document)
    module = import_module(f"papertune.collect.listings.{name}")

    # without a title, an API is asked by identifiers only
    how: dict[str, Any] = {} if fetching.lookups.by_title else {"title": ""}
    return lambda document: module.resolve(session, replace(document, **how), fetching.lookups)


def _landing(session: PoliteSession, document: Document) -> Outcome:
    page = session.get(document.url)
    found = best_abstract(page.text, page.landed)
    if found is None:
        return Outcome(reason="no_abstract_in_page")
    return Outcome(found.text, found.found_by, "truncated" if found.truncated else "")
