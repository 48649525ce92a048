"""The three steps of collecting, as the scripts call them: list, fetch, render."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from papertune import versions
from papertune.errors import CollectError
from papertune.identity import digest, fingerprint
from papertune.records import Document, Rejection, read_records, write_records
from papertune.settings import Fetching, Source
from papertune.sources.abstracts import find_abstract
from papertune.sources.outcomes import Outcome, counted, outcome_of, with_outcome, work
from papertune.sources.session import PoliteSession
from papertune.store import Store

log = logging.getLogger("papertune")

# a page that was refused is not asked for by other means
NOT_RENDERED = ("http_4", "robots", "not_html", "too_large", "bad_url", "redirects")
REASONS = {
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


def list_documents(
    source: Source,
    fetching: Fetching,
    year: int,
    *,
    output: str | Path,
    rejected: str | Path,
    cache: str | Path,
    turns: str | Path | None = None,
    refresh: bool = False,
) -> None:
    """List the documents of a year.

    Args:
        source: Where documents come from.
        fetching: How pages are asked for.
        year: The year.
        output: JSONL of Document; ``text`` only where the source has it.
        rejected: JSONL of Rejection(stage ``list``): with ``output`` all that the source listed.
        cache: The folder of pages that are kept.
        turns: Where it stands when a host was last asked; ``turns`` in the cache if not given.
        refresh: Ask the site again even if the listing's page is in the cache.

    Raises:
        CollectError: a page cannot be had or is a challenge, or there is no document at all.
    """
    documents: dict[str, Document] = {}
    rejections: list[Rejection] = []
    with _session(source, fetching, cache, year, turns) as session:
        try:
            for item in _listing(session, source, year, refresh):
                if isinstance(item, Rejection):
                    rejections.append(item)
                elif item.id in documents:
                    first = documents[item.id]
                    rejections.append(
                        Rejection("list", item.id, "duplicate", f"{item.title} ({first.url})")
                    )
                else:
                    documents[item.id] = item
            reasons = counted(item.reason for item in rejections)
            if not documents:
                raise CollectError(
                    f"the listing of {year} has no document"
                    + (f" (rejected: {reasons})" if reasons else ""),
                    where=_place(source, year),
                    hint="open it in a browser; check the source's url, query or path, and the years",
                )
        except CollectError:
            session.forget_given()  # a page without a listing must not be there for ever
            raise
    write_records(output, documents.values())
    write_records(rejected, rejections)
    log.info(
        "%d: %d documents, %d rejected%s",
        year,
        len(documents),
        len(rejections),
        f" ({reasons})" if reasons else "",
    )


def fetch_documents(
    source: Source,
    fetching: Fetching,
    *,
    listing: str | Path,
    output: str | Path,
    store: str | Path,
    cache: str | Path,
) -> None:
    """Find the texts of a year's documents in their landing pages as they come.

    Args:
        source: Where documents come from.
        fetching: How pages are asked for.
        listing: JSONL of Document.
        output: JSONL of the same documents in the same order, with text or reason.
        store: The store's root; each outcome that will not pass is kept under stage ``fetch``.
        cache: The folder of pages that are kept.

    Raises:
        CollectError: a host sets a challenge or does not answer; what was found is in the store.
    """
    documents = list(read_records(listing, Document))
    wanted = [document for document in documents if not document.text]
    kept = Store(store, "fetch", _identity(source, documents))
    with _session(source, fetching, cache, _year_of(documents)) as session:

        def ask(document: Document) -> Outcome:
            page = session.get(document.url)
            found = find_abstract(page.text, page.landed)
            return Outcome(*found) if found else Outcome(reason="no_abstract_in_page")

        outcomes = work(wanted, ask, kept, "pages")
    finished = [with_outcome(document, outcomes.get(document.id)) for document in documents]
    write_records(output, finished)
    reasons = counted(document.reason for document in finished if not document.text)
    log.info(
        "%d of %d documents have their text%s",
        sum(bool(document.text) for document in finished),
        len(finished),
        f"; not yet: {reasons}" if reasons else "",
    )


def render_documents(
    source: Source,
    fetching: Fetching,
    *,
    fetched: str | Path,
    output: str | Path,
    missing: str | Path,
    store: str | Path,
    cache: str | Path,
) -> None:
    """Render the pages that gave no text, and part the documents into found and missing.

    Args:
        source: Where documents come from.
        fetching: How pages are asked for; ``render`` false asks no browser.
        fetched: JSONL of Document with text or reason.
        output: JSONL of Document, all with text.
        missing: JSONL of Rejection(stage ``collect``): the others, with the reason.
        store: The store's root; outcomes are kept under stage ``render``.
        cache: The folder of pages that are kept.

    Raises:
        CollectError: a challenge, or no document at all has a text and no browser may help.
    """
    from papertune.sources.browser import HOW_TO_GET_ONE, Browser, BrowserMissing, browser_available

    documents = list(read_records(fetched, Document))
    wanted = [
        document
        for document in documents
        if not document.text and not document.reason.startswith(NOT_RENDERED)
    ]
    kept = Store(store, "render", _identity(source, documents))
    why_not = ""
    if not fetching.render:
        why_not = "fetching.render is false"
    elif not browser_available():
        why_not = HOW_TO_GET_ONE
    if why_not:
        outcomes = {
            document.id: outcome_of(kept.get(document.id))
            if document.id in kept
            # a page that did not come may come without a browser too
            else Outcome(
                reason="needs_browser"
                if document.reason == "no_abstract_in_page"
                else document.reason
            )
            for document in wanted
        }
    else:
        with (
            _session(source, fetching, cache, _year_of(documents)) as session,
            Browser(session) as browser,
        ):

            def ask(document: Document) -> Outcome:
                nonlocal why_not
                try:
                    if why_not:
                        raise BrowserMissing(why_not)
                    found = browser.abstract(document.url)
                except BrowserMissing as error:
                    why_not = why_not or f"{error}; {HOW_TO_GET_ONE}"
                    return Outcome(reason="needs_browser", passing=True)
                if not found:
                    return Outcome(reason="no_abstract")
                return Outcome(found[0], f"browser:{found[1]}")

            outcomes = work(wanted, ask, kept, "rendered pages")
    finished = [with_outcome(document, outcomes.get(document.id)) for document in documents]
    found = [document for document in finished if document.text]
    lost = [document for document in finished if not document.text]
    if not found and any(document.reason != "needs_browser" for document in lost):
        raise CollectError(
            f"not one of {len(lost)} documents has a text "
            f"({counted(document.reason for document in lost)})",
            where=lost[0].url,
            hint="open some of the pages in a browser: if they show abstracts, their markup is new "
            "to papertune/sources/publishers.py; else give the abstracts as local files "
            "(source kind: files)",
        )
    write_records(output, found)
    write_records(missing, [_missing(document, why_not) for document in lost])
    reasons = counted(document.reason for document in lost)
    log.info(
        "%d documents, %d missing%s", len(found), len(lost), f" ({reasons})" if reasons else ""
    )
    waiting = sum(document.reason == "needs_browser" for document in lost)
    if waiting:
        log.warning("%d documents need a browser: %s", waiting, why_not)


# ---- parts ------------------------------------------------------------------------------------


def _listing(
    session: PoliteSession, source: Source, year: int, refresh: bool
) -> Iterator[Document | Rejection]:
    if source.kind == "files":
        from papertune.sources.files import read_rows

        return read_rows(source.path, year)
    if source.kind == "pmlr":
        from papertune.sources.pmlr import read_volumes

        return read_volumes(session, source, year, refresh=refresh)
    from papertune.sources import dblp

    if source.kind == "dblp_api":
        return dblp.search(session, source, year, refresh=refresh)
    return dblp.read_contents(session, _place(source, year), year, refresh=refresh)


def _place(source: Source, year: int) -> str:
    """The url or path of a source's listing, as the user wrote it where it depends on more."""
    if source.kind == "demo":
        from papertune.demo.pages import CONTENTS

        return CONTENTS
    return source.path if source.kind == "files" else source.url


@contextmanager
def _session(
    source: Source,
    fetching: Fetching,
    cache: str | Path,
    year: int,
    turns: str | Path | None = None,
) -> Iterator[PoliteSession]:
    """The source's session; the demo venue runs as long as it does."""
    if source.kind != "demo":
        with PoliteSession(fetching, cache, turns=turns) as session:
            yield session
        return
    from papertune.demo.server import demo_server

    # the venue's pages change with its settings and its code, their urls do not
    folder = Path(cache) / f"demo-{fingerprint(_demo_identity(source, year))}"
    with (
        demo_server(source) as venue,
        PoliteSession(fetching, folder, turns=turns, hosts=venue.hosts) as session,
    ):
        yield session


def _identity(source: Source, documents: list[Document]) -> dict[str, Any]:
    """What an outcome depends on besides the document's url, which is its key."""
    identity: dict[str, Any] = {"version": versions.COLLECT}
    if source.kind == "demo":
        identity["demo"] = _demo_identity(source, _year_of(documents))
    return identity


def _demo_identity(source: Any, year: int) -> str:
    from papertune.demo import pages
    from papertune.demo.papers import papers

    listed = papers(year, source.papers_per_year, source.seed)
    kinds = pages.kinds_of(listed)
    return digest([[asdict(paper), kinds[paper.key]] for paper in listed])


def _year_of(documents: list[Document]) -> int:
    return documents[0].year if documents else 0


def _missing(document: Document, why_not: str) -> Rejection:
    said = REASONS.get(document.reason, "")
    if document.reason == "needs_browser" and why_not:
        said = f"{said}: {why_not}"
    detail = f"{document.title} – {document.url}" + (f" – {said}" if said else "")
    return Rejection("collect", document.id, document.reason, detail)
