"""Scholarly APIs: send requests as each asks for, read and check their answers."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from papertune.collect.identifiers import arxiv_id, doi_of
from papertune.collect.listings.answers import Work, json_object, whole_number, within
from papertune.collect.listings.listing import entry_item, item_of
from papertune.collect.lookups import Outcome
from papertune.collect.texts.endings import own_abstract
from papertune.collect.texts.is_abstract import is_abstract, is_cut
from papertune.collect.texts.titles import best_match, searchable
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError
from papertune.identity import digest
from papertune.jobs.keys import key_for
from papertune.records import Document, Rejection
from papertune.study.settings.scholarly import Lookups

log = logging.getLogger("papertune")

NOT_GIVEN = "not_given"  # works that a service counts but does not return
REFUSED = ("http_401", "http_402", "http_403")
UNKNOWN = ("http_400", "http_404", "api_error")
USED_UP = re.compile(
    r"(?i)quota|credit|too many requests|rate.?limit|(?:limit|budget) (?:was |is )?(?:exceeded|used up)"
)


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper in an answer; ``reason`` is why it is rejected, ``told`` the evidence."""

    key: str
    titles: list[str]  # the last is the most complete
    year: Any  # a number or digits; None if it is not to be compared
    text: str
    doi: str = ""
    url: str = ""
    reason: str = ""
    told: Any = None

    def item(self, year: int) -> Document | Rejection:
        """The paper as an entry of a year's listing, with its abstract if that is complete."""
        title, reason, told = self.titles[-1], self.reason, self.told
        if title and not reason and whole_number(self.year) not in (year, None):
            reason, told = "other_year", self.year
        if reason:
            return Rejection("list", self.key, reason, f"{title} ({told})" if told else title)
        outcome = self.outcome("")
        text = "" if outcome.reason else outcome.text
        return entry_item(self.key, title, year, doi=self.doi, url=self.url, text=text)

    def outcome(self, found_by: str) -> Outcome:
        """The paper as the outcome of a lookup; a truncated text has the reason ``truncated``."""
        text = own_abstract(self.text, self.titles[-1])
        if self.reason or not is_abstract(text):
            return Outcome(reason=self.reason or "no_abstract")
        return Outcome(text, found_by, "truncated" if is_cut(text) else "")


@dataclass(frozen=True, slots=True)
class Service:
    """An API: how to send requests, and where to find values in its answers.

    ``works_at``, ``total_at``, ``cursor_at`` and ``one_at`` are the paths in an answer to the
    works, their total number, the cursor of the next page and a single work (empty if unknown).
    Without ``cursor_at`` a page's cursor is its offset.
    """

    name: str  # for people
    hint: str  # what to do when it refuses further requests
    otherwise: str = ""  # an alternative if it does not answer
    asking: str = "open the url in a browser: it says what is wrong"  # hint for a refused query
    narrowing: str = ""  # how to make the query narrower
    found_by: str = ""  # its name in the settings of lookups
    known: Callable[[str, str], str] = lambda doi, number: ""  # path of a DOI or arXiv number
    search: Callable[[str], str] = lambda words: ""  # path of a search by words of a title
    read: Callable[[str], Work | None] = json_object
    apart: bool = False  # whether answers are read in a child process, as they are not JSON
    paper: Callable[[Work], Paper] = lambda work: Paper("", [""], None, "")
    works_at: tuple[str, ...] = ()
    total_at: tuple[str, ...] = ()
    cursor_at: tuple[str, ...] = ()
    one_at: tuple[str, ...] = ()
    error_at: str = ""
    first: str = "0"  # the cursor of the first page
    most: int = 0  # works that it returns for one query, if there is a limit
    tries: int = 1  # requests for a page that is empty although there are more
    empty_is_404: bool = False  # whether a search without hits has status 404
    explains: bool = False  # whether its module explains status 400
    # url → headers, and secret query parameters
    headers: Callable[[str], dict[str, str]] = lambda url: {}
    secret: Callable[[PoliteSession, str], dict[str, str]] = lambda session, url: {}

    def ask_json(self, session: PoliteSession, url: str, refresh: bool = False) -> Work:
        """An answer as a JSON object.

        Raises:
            HostStopped: the service refuses the key, its limit is used up, or a web page came in
                place of the answer.
            PageError: this answer cannot be fetched, is broken or an error; others may be fine.
        """
        how = {"headers": self.headers(url) or None, "secret": self.secret(session, url) or None}
        try:
            text = session.get(url, refresh=refresh, api=True, **how).text
        except HostStopped as error:
            # the session's own hint is about pages of publishers
            if "too many requests" in error.what and not error.what.startswith(self.name):
                raise session.stop(url, f"{self.name}: {error.what}", self.hint) from None
            raise
        except PageError as error:
            used_up = error.reason == "http_400" and USED_UP.search(error.text)
            if error.reason not in REFUSED and (self.explains or not used_up):
                raise
            raise session.stop(url, f"{self.name} refuses ({error.what})", self.hint) from None
        with session.reading(url):
            apart = self.apart and session.readers.read
            answer = (
                apart(self.read, text, of=f"{url} {digest(text)}") if apart else self.read(text)
            )
        if answer is None:
            raise self.no_answer(session, url, text)
        # some report errors with status 200
        message = answer.get("message")
        message = isinstance(message, str) and message  # Crossref's is the answer
        words = (answer.get(self.error_at), answer.get("error"), message)
        if said := str(next(filter(None, words), "")):
            session.cache.forget(url)
            what, hint = f"{self.name} says: {said}", "check the query in the url"
            if USED_UP.search(said):
                raise session.stop(url, what, self.hint)
            raise PageError(url, "api_error", what, passing=True, hint=hint)
        return answer

    def works(
        self,
        session: PoliteSession,
        url: str,
        refresh: bool = False,
        *,
        search: bool = False,
        following: bool = False,
    ) -> tuple[Work, list[Work]]:
        """An answer and the works in it; works that may not be shown are null.

        A ``following`` page may lack the list of works.

        Raises:
            CollectError: the service rejects the query, or is not at that url; for a ``search`` of
                one document, a rejected query is a PageError.
        """
        try:
            answer = self.ask_json(session, url, refresh)
        except PageError as error:
            if search and self.empty_is_404 and error.reason in UNKNOWN and not error.passing:
                return {}, []
            what, hint = f"{self.name} does not understand the query ({error.what})", self.asking
            if error.reason == "http_404":
                what = f"no {self.name} answers there ({error.what})"
                hint = "set the url of the source or of lookups to the API's, or leave it out"
            elif search or error.reason != "http_400":
                raise
            raise CollectError(what, where=error.where, hint=hint) from None
        works = within(answer, self.works_at)
        if works is None and following:
            works = []
        if not isinstance(works, list):
            raise self.no_answer(session, url, str(answer))
        return answer, works

    def listing(
        self,
        session: PoliteSession,
        url: Callable[[str], str],
        item: Callable[[Work], Document | Rejection],
        refresh: bool,
        best_first: str = "",
    ) -> Iterator[Document | Rejection]:
        """The items of a listing, page by page; if works are missing at its end, also a rejection.

        ``url`` makes the url of a page from its cursor, ``item`` an item from a work.
        ``best_first`` is for a fuzzy search with the best matches first: a page with only
        rejections for this reason is the last.

        Raises:
            CollectError: an answer cannot be fetched, there are more works than the service returns
                for one query, or none of them is returned.
        """
        seen, total, mark, marks, place = 0, 0, self.first, set[str](), ""
        before: list[Work] = []
        while mark not in marks:
            marks |= {mark, ""}
            place = url(mark)
            for attempt in range(self.tries):
                again = refresh or attempt > 0
                answer, works = self.works(session, place, again, following=seen > 0)
                total = whole_number(within(answer, self.total_at)) or total
                if works or seen >= total:
                    break
            if total > self.most > 0:
                seen = self.most
                break
            if works == before:  # a service that ignores the cursor repeats its first page
                break
            before = works
            numbered = enumerate(works, start=seen + 1)
            items = [
                item_of(item, work, f"{self.name}: {number}")
                for number, work in numbered
                if work is not None
            ]
            yield from items
            seen += len(works)
            if best_first and all(one.reason == best_first for one in items):
                return
            if not works or seen == total:
                break
            cursor = within(answer, self.cursor_at) if self.cursor_at else seen
            mark = str(cursor or "") if isinstance(cursor, str | int) else ""
        if seen >= total or best_first:
            return
        what = f"{self.name} gives {seen} of {total} papers"
        hint = " or ".join(filter(None, ("run again later", self.narrowing)))
        if seen in (0, self.most):
            raise CollectError(what, where=place, hint=hint)
        session.cache.forget(place)  # another request may return the others
        log.warning("%s; `snakemake refresh` requests them again: %s", what, place)
        yield Rejection("list", self.name, NOT_GIVEN, what)

    def resolve(self, session: PoliteSession, document: Document, lookups: Lookups) -> Outcome:
        """Look up the abstract of one paper by an identifier, or else by title.

        Returns:
            The outcome, with one of the reasons ``not_found``, ``other_title``, ``no_abstract``,
            ``truncated`` (with the text), ``withdrawn``, or ``no_doi`` if there is neither an
            identifier nor a title to search by.
        """
        base = getattr(lookups, self.found_by)
        doi = document.doi or doi_of(document.url)
        known, failed = self.known(doi, arxiv_id(document.url) or arxiv_id(doi)), False
        if known:
            try:
                answer = self.ask_json(session, base + known)
            except PageError as error:
                if error.reason not in UNKNOWN:
                    raise
                failed = error.passing and not self.error_at  # or its errors are about the query
            else:
                work = within(answer, self.one_at)
                if not isinstance(work, dict):
                    raise self.no_answer(session, base + known, str(answer))
                if work:
                    [paper] = self._papers(session, base + known, [work])
                    return paper.outcome(self.found_by)
        words = searchable(document.title)
        if not words:
            return Outcome(reason="not_found" if known else "no_doi", passing=failed)
        url = base + self.search(words)
        _, works = self.works(session, url, search=True)
        papers = self._papers(session, url, works)
        candidates = [(paper.titles, whole_number(paper.year), paper) for paper in papers]
        match = best_match(document.title, document.year, candidates, lookups.title_match)
        if match is None:
            return Outcome(reason="other_title" if papers else "not_found", passing=failed)
        found = match.outcome(f"{self.found_by}:title")
        return replace(found, passing=failed and not found.text)

    def _papers(self, session: PoliteSession, url: str, works: list[Work]) -> list[Paper]:
        papers = [item_of(self.paper, work, "") for work in works if work is not None]
        read = [paper for paper in papers if isinstance(paper, Paper)]
        if papers and not read:
            raise self.no_answer(session, url, str(works))
        return read

    def no_answer(self, session: PoliteSession, url: str, said: str) -> HostStopped | PageError:
        """The error for a text that is no answer of the service; removes it from the cache."""
        session.cache.forget(url)
        start = " ".join(said.split())[:80]
        if re.match(r"\s*<(?:!doctype\s+html|html|head|body|title)\b", said, re.IGNORECASE):
            return session.stop(
                url,
                f"a web page in place of {self.name}'s answer: {start!r}",
                "open the url in a browser. If it is a login page or a proxy's notice, run from "
                "another network; if it is a challenge or maintenance, run again later"
                + (f", or {self.otherwise}" if self.otherwise else ""),
            )
        what = f"not an answer of {self.name}: {start!r}"
        return PageError(url, "bad_answer", what, passing=True, hint=self.otherwise)


def url_of(base: str, asked: Work, safe: str = ":,*") -> str:
    """The url of a query; characters in ``safe`` are not percent-encoded."""
    return f"{base}?{urlencode(asked, safe=safe)}"


def key_of(url: str, variable: str, name: str) -> dict[str, str]:
    """``{name: key}`` with the key in an environment variable; empty if it is not set."""
    key = key_for(url, variable)
    return {name: key} if key else {}


def mailto(session: PoliteSession, _: str = "") -> dict[str, str]:
    """The contact as the query parameter ``mailto``; empty if it is no e-mail address."""
    address = session.contact.removeprefix("mailto:")
    return {"mailto": address} if re.fullmatch(r"[^@\s/]+@[^@\s/]+\.[^@\s/]+", address) else {}
