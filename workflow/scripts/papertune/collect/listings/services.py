"""What scholarly APIs answer: asked for with their manners, read as what they promise, judged."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from papertune.collect.lookups import Outcome
from papertune.collect.texts.is_abstract import is_abstract, is_cut
from papertune.collect.texts.titles import best_match, searchable
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError
from papertune.records import Document

Work = dict[str, Any]
REFUSED = ("http_401", "http_402", "http_403")
UNKNOWN = ("http_400", "http_404")


@dataclass(frozen=True, slots=True)
class Service:
    """An API: how it is asked, and where its answers say what.

    ``works_at``, ``cursor_at`` and ``one_at`` are where in an answer the works, the mark of the next
    page and a single work stand; ``empty_is_404`` tells of a search that finds nothing.
    """

    name: str  # for people
    hint: str  # what to do when it will not answer any more
    found_by: str = ""
    titles: Callable[[Work], list[str]] = lambda work: []
    year: Callable[[Work], int | None] = lambda work: None
    abstract: Callable[[Work], str] = lambda work: ""
    works_at: tuple[str, ...] = ()
    cursor_at: tuple[str, ...] = ()
    one_at: tuple[str, ...] = ()
    empty_is_404: bool = False
    headers: Callable[[], dict[str, str]] = dict
    secret: Callable[[PoliteSession], dict[str, str]] = lambda session: {}

    def ask(self, session: PoliteSession, url: str, refresh: bool = False) -> Page:
        """An answer.

        Raises:
            HostStopped: the service refuses the key or says that its limit is used up; says what
                to do.
            PageError: this answer cannot be had; others may.
        """
        how = {"headers": self.headers() or None, "secret": self.secret(session) or None}
        try:
            return session.get(url, refresh=refresh, api=True, **how)
        except HostStopped as error:
            # the session's own hint is about pages of publishers
            if "too many requests" in error.what and not error.what.startswith(self.name):
                raise session.stop(url, f"{self.name}: {error.what}", self.hint) from None
            raise
        except PageError as error:
            if error.reason in REFUSED:
                what = f"{self.name} refuses to answer ({error.what})"
                raise session.stop(url, what, self.hint) from None
            raise

    def ask_json(self, session: PoliteSession, url: str, refresh: bool = False) -> Work:
        """An answer that is a JSON object.

        Raises:
            HostStopped: as :meth:`ask`, or a page for people came in place of the answer.
            PageError: as :meth:`ask`, or the answer is broken.
        """
        page = self.ask(session, url, refresh)
        answer = json_object(page.text)
        if answer is None:
            raise self.no_answer(session, url, page.text)
        return answer

    def works(
        self, session: PoliteSession, url: str, refresh: bool = False, *, search: bool = False
    ) -> tuple[Work, list[Work]]:
        """An answer and the works in it; those that are not to be shown are null.

        Raises:
            CollectError: the query is not understood, or no such service answers there; a single
                ``search`` that is not understood is a PageError, the outcome of that document.
        """
        try:
            answer = self.ask_json(session, url, refresh)
        except PageError as error:
            if search and self.empty_is_404 and error.reason in UNKNOWN:
                return {}, []
            if error.reason == "http_404" or (error.reason == "http_400" and not search):
                raise self.not_understood(error) from None
            raise
        works = within(answer, self.works_at)
        if not isinstance(works, list):
            raise self.no_answer(session, url, str(answer))
        return answer, [work for work in works if isinstance(work, dict)]

    def pages(
        self, session: PoliteSession, url: Callable[[str], str], refresh: bool, first: str = ""
    ) -> Iterator[tuple[Work, list[Work]]]:
        """Answers and their works, page by page; ``url`` makes one of a cursor."""
        cursor, seen = first, set[str]()
        while cursor not in seen:
            seen.add(cursor)
            answer, works = self.works(session, url(cursor), refresh)
            yield answer, works
            cursor = str(within(answer, self.cursor_at) or "")
            if not cursor or not works:
                return

    def look_up(
        self,
        session: PoliteSession,
        document: Document,
        threshold: float,
        known: str,
        search: Callable[[str], str],
    ) -> Outcome:
        """The abstract of one paper: by an identifier, else (or where that is not known) by title.

        Args:
            session: The source's session.
            document: The paper.
            threshold: The least likeness of two titles.
            known: The url of the work by an identifier; empty where there is none.
            search: Makes the url of a search of words.

        Returns:
            Reasons: ``not_found``, ``other_title``, ``no_abstract``, ``truncated`` (with the text),
            ``no_doi`` where there is neither an identifier nor a title to search by.
        """
        if known:
            try:
                answer = self.ask_json(session, known)
            except PageError as error:
                if error.reason not in UNKNOWN:
                    raise
            else:
                work = within(answer, self.one_at)
                if not isinstance(work, dict):
                    raise self.no_answer(session, known, str(answer))
                return judged(self.abstract(work), self.found_by)
        words = searchable(document.title)
        if not words:
            return Outcome(reason="not_found" if known else "no_doi")
        _, works = self.works(session, search(words), search=True)
        candidates = [(self.titles(work), self.year(work), work) for work in works]
        match = best_match(document.title, document.year, candidates, threshold)
        if match is None:
            return Outcome(reason="other_title" if works else "not_found")
        return judged(self.abstract(match), f"{self.found_by}:title")

    def not_understood(self, error: PageError) -> CollectError:
        """The error for a query that the service refuses, and for a base url that is none's."""
        if error.reason == "http_404":
            return CollectError(
                f"no {self.name} answers there ({error.what})",
                where=error.where,
                hint="set the url of the source or of lookups to the API's, or leave it out",
            )
        return CollectError(
            f"{self.name} does not understand the query ({error.what})",
            where=error.where,
            hint="open the url in a browser: it says what is wrong",
        )

    def no_answer(self, session: PoliteSession, url: str, said: str) -> HostStopped | PageError:
        """The error for what is no answer of the service; it is not kept in the cache."""
        session.cache.forget(url)
        start = " ".join(said.split())[:80]
        if re.match(r"\s*<(?:!doctype\s+html|html|head|body|title)\b", said, re.IGNORECASE):
            return session.stop(
                url,
                f"a page for people in place of {self.name}'s answer: {start!r}",
                "open the url in a browser. A login page or a proxy's notice is your network's: ask "
                "from another one; a challenge or maintenance passes: run again later",
            )
        what = f"not an answer of {self.name}: {start!r}"
        return PageError(url, "bad_answer", what, passing=True)


def json_object(text: str) -> Work | None:
    """The JSON object that a text is, if it is one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def within(value: Any, names: tuple[str, ...]) -> Any:
    """What stands in objects within objects; None where there are none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def judged(text: str, found_by: str) -> Outcome:
    """The outcome of a text that an API gave as an abstract; one that is cut off is said to be."""
    if not is_abstract(text):
        return Outcome(reason="no_abstract")
    return Outcome(text, found_by, "truncated" if is_cut(text) else "")


def whole(text: str) -> str:
    """A text that is a whole abstract, else an empty one: what a listing need not look up again."""
    outcome = judged(text, "listing")
    return "" if outcome.reason else outcome.text


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
