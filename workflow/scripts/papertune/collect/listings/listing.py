"""List a source with the lister that its settings name, and make documents of entries."""

from collections.abc import Callable, Iterator
from pkgutil import resolve_name
from typing import Any, TypeVar

from papertune.collect.identifiers import located
from papertune.collect.listings import by_year
from papertune.collect.texts.endings import own_abstract
from papertune.collect.texts.missing import is_no_text, is_no_title
from papertune.collect.texts.titles import no_paper
from papertune.records import Document, Rejection
from papertune.study.settings import Source

Made = TypeVar("Made")
# exceptions from reading JSON in which a value has an unexpected type
ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def items(
    session: Any, source: Source, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The items that a source lists for a year, or for year 0 all of them.

    ``session`` is its PoliteSession, or None for local files; ``refresh`` requests cached pages
    again.

    Raises:
        CollectError: the source as a whole cannot be listed.
    """
    if source.rows:
        return by_year.items(source, year)
    lister: Callable[..., Iterator[Document | Rejection]] = resolve_name(source.lister)
    return lister(session, source, year, refresh=refresh)


def item_of(make: Callable[[Any], Made], given: Any, key: str) -> Made | Rejection:
    """``make(given)``; a rejection if a value in ``given`` has an unexpected type."""
    try:
        return make(given)
    except ODD:
        return Rejection("list", key, "bad_item", str(given)[:200])


def entry_item(
    key: str, title: str, year: int, *, doi: str = "", url: str = "", text: str = ""
) -> Document | Rejection:
    """The document of a paper's entry, or a rejection under its key.

    Args:
        key: The source's name for it.
        title: The title as plain text; front matter, corrections and retractions are rejected.
        year: The year.
        doi: The DOI, in any spelling.
        url: The landing page; if it is no url, the DOI's is used.
        text: The abstract as plain text; placeholders and additions after it are removed.
    """
    reason = "no_title" if is_no_title(title) else no_paper(title)
    text = "" if is_no_text(text) else own_abstract(text, title)
    if reason:
        return Rejection("list", key, reason, title or url or doi)
    identity, doi, url = located(doi, url)
    if not url:
        return Rejection("list", key, "no_link", title)
    found_by = "listing" if text else ""
    return Document(identity, title, url, year, text, found_by, doi=doi)
