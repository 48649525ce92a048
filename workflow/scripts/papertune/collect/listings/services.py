"""What scholarly APIs answer: asked for with their manners, read as what they promise, judged."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from papertune.collect.lookups import Outcome
from papertune.collect.texts.is_abstract import is_abstract, is_cut
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError
from papertune.records import Document


@dataclass(frozen=True, slots=True)
class Service:
    """An API: its name for people, and what to do when it will not answer any more."""

    name: str
    hint: str


def ask(
    session: PoliteSession,
    url: str,
    service: Service,
    *,
    refresh: bool = False,
    headers: dict[str, str] | None = None,
    secret: dict[str, str] | None = None,
) -> Page:
    """An answer of an API.

    Raises:
        HostStopped: the service refuses the key or says that its limit is used up; says what to do.
        PageError: this answer cannot be had; others may.
    """
    try:
        return session.get(url, refresh=refresh, headers=headers, secret=secret, api=True)
    except HostStopped as error:
        # the session's own hint is about pages of publishers
        if "too many requests" in error.what and not error.what.startswith(service.name):
            raise session.stop(url, f"{service.name}: {error.what}", service.hint) from None
        raise
    except PageError as error:
        if error.reason in ("http_401", "http_403", "http_402"):
            what = f"{service.name} refuses to answer ({error.what})"
            raise session.stop(url, what, service.hint) from None
        raise


def ask_json(session: PoliteSession, url: str, service: Service, **how: Any) -> dict[str, Any]:
    """An answer of an API that answers in JSON objects.

    Raises:
        HostStopped: as :func:`ask`, or a page for people came in place of the answer.
        PageError: as :func:`ask`, or the answer is broken.
    """
    page = ask(session, url, service, **how)
    try:
        answer = json.loads(page.text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise no_answer(session, page, service)
    return answer


def not_understood(error: PageError, service: Service) -> CollectError:
    """The error for a listing's query that a service refuses, and for a base url that is none's."""
    if error.reason == "http_404":
        return CollectError(
            f"no {service.name} answers there ({error.what})",
            where=error.where,
            hint="set the url of the source or of lookups to the API's, or leave it out",
        )
    return CollectError(
        f"{service.name} does not understand the query ({error.what})",
        where=error.where,
        hint="open the url in a browser: it says what is wrong",
    )


def no_answer(session: PoliteSession, page: Page, service: Service) -> HostStopped | PageError:
    """The error for what is no answer of the service; it is not kept in the cache."""
    session.cache.forget(page.url)
    start = " ".join(page.text.split())[:80]
    if re.match(r"\s*<(?:!doctype\s+html|html|head|body|title)\b", page.text, re.IGNORECASE):
        return session.stop(
            page.url,
            f"a page for people in place of {service.name}'s answer: {start!r}",
            "open the url in a browser. A login page or a proxy's notice is your network's: ask "
            "from another one; a challenge or maintenance passes: run again later",
        )
    return PageError(
        page.url, "bad_answer", f"not an answer of {service.name}: {start!r}", passing=True
    )


def judged(text: str, found_by: str) -> Outcome:
    """The outcome of a text that an API gave as an abstract; one that is cut off is said to be."""
    if not is_abstract(text):
        return Outcome(reason="no_abstract")
    return Outcome(text, found_by, "truncated" if is_cut(text) else "")


def listed(document: Document, text: str) -> Document:
    """A listing's document with the abstract that the listing has, where that is a whole one."""
    outcome = judged(text, "listing")
    if outcome.reason:
        return document
    return replace(document, text=outcome.text, found_by=outcome.found_by)


def mailto(session: PoliteSession) -> dict[str, str]:
    """Whom an API may write to, as a query parameter; nothing where the contact is no e-mail."""
    address = session.contact.removeprefix("mailto:")
    return {"mailto": address} if re.fullmatch(r"[^@\s/]+@[^@\s/]+\.[^@\s/]+", address) else {}


def whole_number(value: Any) -> int | None:
    """A year or a count as an API gives it: as a number or in digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None
