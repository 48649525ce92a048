"""A session's knowledge of each site: its robots.txt, and whether its host was given up.

A robots.txt is read once, and again after a day, by one thread at a time. A host is given up if it
sets a challenge, asks for a long wait, or does not answer: it gets no more requests.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from protego import Protego

from papertune.collect.identifiers import host_of
from papertune.collect.web.pauses import Alive, held
from papertune.collect.web.transport import Answer, HostStopped, PageError

AGE = 24 * 3600.0  # seconds; by RFC 9309 a robots.txt should not be cached for longer
ROBOTS_BYTES = 500 * 1024  # what RFC 9309 asks crawlers to read at least
FAILURES = 5  # failed connections in a row after which a host is given up


class Sites:
    """Thread-safe; ``ask`` requests a url, and an exception raised by ``alive`` ends a wait."""

    def __init__(self, ask: Callable[[str], AbstractContextManager[Answer]], alive: Alive) -> None:
        self._ask, self._alive = ask, alive
        self._dead: dict[str, HostStopped] = {}
        self._failures: Counter[str] = Counter()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, tuple[float, Protego]] = {}

    def check(self, url: str) -> None:
        """Raise HostStopped if the url's host was given up."""
        if error := self._dead.get(host_of(url)):
            raise error

    def stop(self, url: str, what: str, hint: str) -> HostStopped:
        """Give the url's host up; returns the error to raise."""
        error = self._dead[host_of(url)] = HostStopped(what, where=url, hint=hint)
        return error

    def answered(self, url: str) -> None:
        """Reset the failure count of the url's host, which has answered."""
        self._failures.pop(host_of(url), None)

    def failed(self, error: PageError) -> None:
        """Raise HostStopped if a host repeatedly did not answer, or asks for a long wait."""
        host = host_of(error.where)
        if error.reason == "rate_limited":
            what = f"{error.what}, repeatedly"
            hint = "run again later with a longer fetching.delay"
        elif error.reason in ("connection", "timeout"):
            self._failures[host] += 1
            if self._failures[host] < FAILURES:
                return
            what = f"{host} did not answer {FAILURES} times in a row ({error.what})"
            hint = "check the network (compute nodes often have none), then run again"
        else:
            return
        raise self.stop(error.where, what, f"{hint}; finished documents are in the store") from None

    def rules(self, url: str) -> Protego:
        """The rules of the url's robots.txt (RFC 9309: a 4xx allows all, a 5xx or 429 nothing yet)."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        with held(self._locks.setdefault(site, threading.Lock()), self._alive):
            since, rules = self._known.get(site, (0.0, None))
            if rules is None or time.monotonic() - since > AGE:
                rules = Protego.parse(self._robots_txt(f"{site}/robots.txt"))
                self._known[site] = (time.monotonic(), rules)
            return rules

    def _robots_txt(self, url: str) -> str:
        try:
            with self._ask(url) as answer:
                if answer.status == 200:
                    return answer.body(ROBOTS_BYTES, cut=True).decode("utf-8-sig", "replace")
                if answer.status >= 500 or answer.status == 429:
                    what = f"robots.txt cannot be read (status {answer.status})"
                    raise PageError(url, "robots_unreachable", what, passing=True)
        except PageError as error:
            if error.reason not in ("bad_url", "redirects"):  # which lead to no robots.txt
                raise
        return ""
