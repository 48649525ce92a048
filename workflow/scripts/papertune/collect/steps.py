"""The three steps of collecting, as the scripts call them: list, fetch, render.

Each reads and writes JSONL. Pages are stored in the folder ``cache``, and outcomes that are not
temporary in the ``store``, under the name of the step.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from papertune.collect.identifiers import host_of
from papertune.collect.listings import listing as listings
from papertune.collect.listings.by_year import what_asks
from papertune.collect.listings.twins import told, with_fuller_text
from papertune.collect.lookups import (
    NOT_RENDERED,
    REASONS,
    Outcome,
    counted,
    is_of_the_site,
    rejection,
    resolvers,
    without_texts,
    work,
)
from papertune.collect.sampling import category_label, lacking, not_sampled, until_enough
from papertune.collect.web.advice import advice
from papertune.collect.web.browser import Browser
from papertune.collect.web.chromium import HOW_TO_GET_ONE, BrowserMissing
from papertune.collect.web.installed import find_browser
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import HostStopped, PageError
from papertune.demo.sites import served, site_of
from papertune.errors import CollectError
from papertune.identity import fingerprint
from papertune.jobs import stopping
from papertune.records import Document, Rejection, read_records, write_records
from papertune.store import Store
from papertune.study import versions
from papertune.study.settings import Fetching, Part, Resolver, SampleOf, Source

File = str | Path
log = logging.getLogger("papertune")


def list_documents(
    source: Source,
    fetching: Fetching,
    part: Part,
    *,
    output: File,
    rejected: File,
    cache: File,
    mine: Callable[[str], bool] | None = None,
    pauses: File | None = None,
    refresh: bool = False,
) -> None:
    """List the documents of a year, or of a part where documents are not split by year.

    Args:
        source: Where documents come from.
        fetching: How pages are requested.
        part: The year, or the part's name.
        output: Document; ``text`` only where the source has it.
        rejected: Rejection(stage ``list``); with ``output``, everything that the source listed.
        cache: The folder of cached pages.
        mine: Whether an item, given by its id or key, belongs to the part; by default all do.
        pauses: The folder of the hosts' last request times; by default ``turns`` in the cache.
        refresh: Request the listing again even if its page is in the cache.

    Raises:
        CollectError: a page cannot be fetched or is a challenge, or there is no document at all.
    """
    documents: dict[str, Document] = {}
    rejections: list[Rejection] = []
    others = 0  # documents of other parts
    year = part if isinstance(part, int) else 0
    # the listing is written at the end: an interruption before then loses nothing
    with session_of(source, fetching, cache, year, pauses) as session, stopping.at_once():
        try:
            for item in listings.items(session, source, year, refresh=refresh):
                if mine and not mine(item.key if isinstance(item, Rejection) else item.id):
                    others += isinstance(item, Document)
                    continue
                if isinstance(item, Rejection):
                    rejections.append(item)
                elif (first := documents.get(item.id)) is not None:
                    documents[item.id] = with_fuller_text(first, item)
                    detail = told(item.title, first.url, documents[item.id] is not first)
                    rejections.append(Rejection("list", item.id, "duplicate", detail))
                else:
                    documents[item.id] = item
            reasons = counted(rejections)
            if not documents:
                raise _nothing(source, part, rejections, others)
        except PageError as error:
            error.hint = advice(error)
            raise
        except HostStopped:
            raise  # the pages before it are good
        except CollectError:
            # a page without a listing must not stay in the cache
            session.forget_given(last=bool(documents))
            raise
    write_records(output, documents.values())
    write_records(rejected, rejections)
    log.info("%s: %d documents, %d rejected%s", part, len(documents), len(rejections), reasons)


def _nothing(source: Source, part: Part, rejections: list[Rejection], others: int) -> CollectError:
    """The error for a listing without documents; says what it has instead."""
    paths = [path for path in source.files_of(part) if not host_of(str(path))]
    where = ", ".join(map(str, paths)) or str(getattr(source, "url", "") or source.kind)
    if others:
        what = f"none of its {others} documents is in the split {part!r}"
        return CollectError(what, where=where, hint="change the share in splits.test")
    what = f"the listing of {part} has no document, {len(rejections)} rejected{counted(rejections)}"
    hint = "open it in a browser; check the source's url, query or path, and the years"
    if paths:
        mend = "correct what was rejected, or name other files; " if rejections else ""
        hint = f"{mend}see {what_asks(source)}"
    if rejections:
        what += f"; the first: {rejections[0].key}: {rejections[0].detail or rejections[0].reason}"
    return CollectError(what, where=where, hint=hint)


def fetch_documents(
    source: Source,
    fetching: Fetching,
    *,
    listing: File,
    output: File,
    store: File,
    cache: File,
    sample: int | None = None,
    of: SampleOf = "year",
) -> None:
    """Find the texts of a year's documents without a browser.

    Args:
        listing: Document.
        output: The documents without a text in the listing, in its order, with text or reason. For
            a sample, as many as it needs if a browser finds every text that it might find.
        sample: How many documents of the listing are wanted; all if None.
        of: With ``category``, ``sample`` is the number for each category.

    Raises:
        CollectError: a host sets a challenge or does not answer; what was found is in the store.
    """
    documents = list(read_records(listing, Document))
    without = {document.id for document in documents if not document.text}
    _, after = _in_order(source, fetching)
    with _asking(source, fetching, documents, store, cache) as (session, kept):
        fetch = _fetcher(source, fetching, session, kept("fetch"))

        def find(batch: list[Document]) -> list[Document]:
            asked = fetch([document for document in batch if document.id in without])
            return [asked.get(document.id, document) for document in batch]

        def usable(document: Document) -> bool:
            hopeless = not after or document.reason.startswith(NOT_RENDERED)
            return bool(document.text) or not hopeless

        found_out = until_enough(documents, sample, find, usable, of)
    finished = [document for document in found_out if document.id in without]
    write_records(output, finished)
    lost = [document for document in finished if not document.text]
    found, looked = len(found_out) - len(lost), len(found_out)
    log.info("%d of %d documents have their text%s", found, looked, counted(lost))


def render_documents(
    source: Source,
    fetching: Fetching,
    *,
    listing: File,
    fetched: File,
    output: File,
    missing: File,
    store: File,
    cache: File,
    sample: int | None = None,
    of: SampleOf = "year",
) -> None:
    """Look documents up in the browser and the resolvers after it; write those found and missing.

    Args:
        listing: Document.
        fetched: The documents without a text in the listing, with text or reason.
        output: Document, all with text.
        missing: Rejection(stage ``collect``): the others, with the reason.
        sample: How many documents of the listing are wanted; all if None. If the browser does not
            find enough, further ones are fetched here.
        of: With ``category``, ``sample`` is the number for each category.

    Raises:
        CollectError: a host sets a challenge, or no document has a text and no browser may help.
    """
    asked = {document.id: document for document in read_records(fetched, Document)}
    listed = list(read_records(listing, Document))
    _, after = _in_order(source, fetching)
    why_not = "" if find_browser() else HOW_TO_GET_ONE
    with (
        _asking(source, fetching, listed, store, cache) as (session, kept),
        Browser(session) as browser,
    ):

        def look(document: Document) -> Outcome:
            nonlocal why_not
            # why the landing page gave no complete text unrendered; empty if it was not requested
            said = [item.partition(": ") for item in document.tried]
            before = next((reason for who, _, reason in said if who == "landing"), "")
            if before.startswith(NOT_RENDERED):
                passes = before.startswith("parse_") or is_of_the_site(before)
                return Outcome(reason=before, passing=passes)
            try:
                if why_not:
                    raise BrowserMissing(why_not)
                found = browser.abstract(document.url)
            except BrowserMissing as error:
                why_not = why_not or f"{error}; {HOW_TO_GET_ONE}"
                # a page that failed to load may load without a browser next time
                waits = before in ("", "no_abstract_in_page", "truncated")
                return Outcome(reason="needs_browser" if waits else before, passing=True)
            if not found:
                return Outcome(reason="no_abstract")
            return Outcome(found[0], f"browser:{found[1]}")

        chain = [("browser", look), *resolvers(after[1:], session, fetching)]
        fetch, rendered = _fetcher(source, fetching, session, kept("fetch")), kept("render")

        def find(batch: list[Document]) -> list[Document]:
            asked.update(fetch([one for one in batch if not one.text and one.id not in asked]))
            have = [asked.get(one.id, one) for one in batch]
            wanted = [one for one in have if after and (not one.text or one.reason == "truncated")]
            done = {one.id: one for one in work(wanted, chain, rendered, "rendered pages")}
            return [done.get(one.id, one) for one in have]

        finished = until_enough(listed, sample, find, lambda one: bool(one.text), of)
    found, lost = ([one for one in finished if bool(one.text) == has] for has in (True, False))
    if alone := sum(document.reason == "no_contact" for document in lost):
        log.warning("%d documents were not looked up: %s", alone, REASONS["no_contact"])
    if not found and any(document.reason != "needs_browser" for document in lost):
        raise without_texts(lost)
    write_records(output, found)
    seen = {document.id for document in finished}
    others = [not_sampled(document) for document in listed if document.id not in seen]
    write_records(missing, [*(rejection(document, why_not) for document in lost), *others])
    log.info("%d documents, %d missing%s", len(found), len(lost), counted(lost))
    if sample is not None:
        each = " of each category" if of == "category" else ""
        log.info(
            "a sample of %d%s was wanted; %d others were not needed", sample, each, len(others)
        )
    if sample is not None and of == "category":
        for name, count in lacking((one.category for one in listed), found, sample).items():
            log.warning("%s: %d of %d with text", category_label(name), sample - count, sample)
    waiting = sum(document.reason == "needs_browser" for document in lost)
    if waiting:
        log.warning("%d documents need a browser: %s", waiting, why_not)


def _fetcher(
    source: Source, fetching: Fetching, session: PoliteSession, kept: Store
) -> Callable[[list[Document]], dict[str, Document]]:
    """A function that looks documents up without a browser; it returns id → document."""
    chain = resolvers(_in_order(source, fetching)[0], session, fetching)

    def fetch(documents: list[Document]) -> dict[str, Document]:
        found = work(documents, chain, kept, "documents", threads=fetching.hosts)
        return {document.id: document for document in found}

    return fetch


@contextmanager
def _asking(
    source: Source, fetching: Fetching, documents: list[Document], store: File, cache: File
) -> Iterator[tuple[PoliteSession, Callable[[str], Store]]]:
    """The source's session, and a function from stage to its store of outcomes.

    The store's identity is all that outcomes depend on besides the url.
    """
    year = documents[0].year if documents else 0
    identity: dict[str, Any] = {"version": versions.COLLECT, "fetching": fetching.identity()}
    if site := site_of(source):
        identity["demo"] = site.identity(year)
    with session_of(source, fetching, cache, year) as session:
        yield session, lambda stage: Store(store, stage, identity, Outcome)


@contextmanager
def session_of(
    source: Source, fetching: Fetching, cache: File, year: int, pauses: File | None = None
) -> Iterator[PoliteSession]:
    """The source's session; a demo site is served while it is open."""
    with ExitStack() as stack:
        hosts: Mapping[str, tuple[str, int]] = {}
        if site := site_of(source):
            # its pages change with its settings and its code, their urls do not
            cache = Path(cache) / f"demo-{fingerprint(site.identity(year))}"
            hosts = stack.enter_context(served(site)).hosts
        # without a contact, local rows that have a text are still collected
        how: dict[str, Any] = {"pauses": pauses, "contact_needed": not source.rows}
        yield stack.enter_context(PoliteSession(fetching, cache, hosts=hosts, **how))


def _in_order(source: Source, fetching: Fetching) -> tuple[list[Resolver], list[Resolver]]:
    """The resolvers before the browser; the browser, if it is used, and those after it."""
    asked = dict.fromkeys(fetching.resolvers)
    # no API knows a demo site
    own = site_of(source) is not None
    names = [name for name in asked if not own or name in ("landing", "browser")]
    place = names.index("browser") if "browser" in names else len(names)
    return names[:place], names[place:]
