"""The robots.txt of each site: read once, again after a day, and by one thread at a time."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import requests
from protego import Protego

from papertune.collect.identifiers import host_of
from papertune.collect.web.pauses import LOOK, Alive
from papertune.collect.web.transport import REDIRECTS, PageError, body_of, redirect_target

AGE = 24 * 3600.0  # seconds; RFC 9309 asks not to believe one for longer
ROBOTS_BYTES = 500 * 1024  # what RFC 9309 asks crawlers to read at least


class Robots:
    """What sites allow; ``send`` asks for a url, and what ``alive`` raises ends a wait."""

    def __init__(
        self, send: Callable[[str], requests.Response], timeout: float, alive: Alive
    ) -> None:
        self._send, self._timeout, self._alive = send, timeout, alive
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, tuple[float, Protego]] = {}

    def rules(self, url: str) -> Protego:
        """The rules of the url's site."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            lock = self._locks.setdefault(site, threading.Lock())
        while not lock.acquire(timeout=LOOK):
            self._alive()
        try:
            since, rules = self._known.get(site, (0.0, None))
            if rules is None or time.monotonic() - since > AGE:
                rules = Protego.parse(self._read(f"{site}/robots.txt"))
                self._known[site] = (time.monotonic(), rules)
            return rules
        finally:
            lock.release()

    def _read(self, url: str) -> str:
        """The text of a robots.txt (RFC 9309: a 4xx allows all, a 5xx or "too many" nothing yet)."""
        current = url
        for _ in range(REDIRECTS):
            if not host_of(current):
                break  # it leads to no web page: there is none
            with closing(self._send(current)) as response:
                current = redirect_target(current, response, self._timeout) or current
                status = response.status_code
                if status >= 500 or status == 429:
                    what = f"robots.txt cannot be read (status {status})"
                    raise PageError(url, "robots_unreachable", what, passing=True)
                if status == 200:
                    body = body_of(current, response, ROBOTS_BYTES, self._timeout, cut=True)
                    return body.decode("utf-8-sig", "replace")
                if not response.is_redirect:
                    break
        return ""
