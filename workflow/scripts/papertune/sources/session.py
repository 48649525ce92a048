"""One polite session for all fetching of a source.

Every request names who asks, keeps to robots.txt and to a minimum delay per host, and is asked
again with exponential backoff and jitter or after the time that Retry-After gives. Pages are kept
on disk.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from protego import Protego
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from papertune import stopping
from papertune.errors import CollectError
from papertune.settings import Fetching
from papertune.sources.challenges import challenge_of, decoded
from papertune.sources.credentials import Credentials
from papertune.sources.page_cache import Page, PageCache
from papertune.sources.transport import (
    PATIENCE,
    HostStopped,
    MappedAdapter,
    PageError,
    body_of,
    check_media,
    check_status,
    send,
)
from papertune.sources.turns import Turns, least_delay

log = logging.getLogger("papertune")

AGENT = "Papertune"
VERSION = "0.1"
REDIRECTS = 10
ROBOTS_BYTES = 500 * 1024  # what RFC 9309 asks crawlers to read at least
FAILURES = 5  # failed connections in a row after which a host is not asked any more


class PoliteSession:
    """All requests of one source.

    Args:
        fetching: Contact, delay, timeout, retries and size limit.
        cache: The folder of pages that are kept.
        turns: The folder that says when each host was last asked; ``turns`` in the cache if not
            given. Sessions that ask the same hosts share it.
        hosts: Host name → (address, port) for servers of our own: their urls stay the same
            whatever the port is, and they need no delay.
        backoff: Seconds before the first retry; doubled for every further one.
    """

    def __init__(
        self,
        fetching: Fetching,
        cache: str | Path,
        *,
        turns: str | Path | None = None,
        hosts: Mapping[str, tuple[str, int]] | None = None,
        backoff: float = 1.0,
    ) -> None:
        self.fetching, self.backoff = fetching, backoff
        self.hosts = dict(hosts or {})
        self.cache = PageCache(cache)
        self.requests = 0  # sent by this session, robots.txt included
        self._stopped: dict[str, HostStopped] = {}
        self._given: set[str] = set()
        self._failures: dict[str, int] = {}
        self._robots: dict[str, Protego] = {}
        self._turns = Turns(turns or self.cache.folder / "turns")
        self._http = requests.Session()
        self._http.headers["Accept"] = "text/html,application/xhtml+xml,application/json;q=0.9"
        self._http.headers["User-Agent"] = self.user_agent
        for name, address in self.hosts.items():
            self._http.mount(f"http://{name}/", MappedAdapter(name, address))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> PoliteSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def contact(self) -> str:
        """Who asks: ``fetching.contact``, else ``$PAPERTUNE_CONTACT``."""
        return (self.fetching.contact or os.environ.get("PAPERTUNE_CONTACT", "")).strip()

    @property
    def user_agent(self) -> str:
        """``Papertune/0.1 (+contact)``."""
        return f"{AGENT}/{VERSION} (+{self.contact or 'loopback'})"

    def get(
        self,
        url: str,
        *,
        refresh: bool = False,
        headers: Mapping[str, str] | None = None,
        secret: Mapping[str, str] | None = None,
    ) -> Page:
        """A page as text, from the cache where it is there.

        Args:
            url: An http or https url; the page is kept under it.
            refresh: Ask again even if the page is in the cache.
            headers: Sent with the request, and neither kept nor logged. A redirect to another
                host takes none but ``Accept``, ``Accept-Language`` and ``Content-Type`` along.
            secret: Query parameters, such as an API's key, that are added to what is sent to the
                url's host alone. They are in no cache file, log or error, nor in ``landed``;
                where the page says them again, its text has ``***``.

        Raises:
            PageError: the page cannot be had; other pages of the host may.
            HostStopped: the host sets a challenge or does not answer; it is asked no more.
            CollectError: nobody is named as contact.
        """
        page = None if refresh else self.cache.read(url)
        if page is None:
            try:
                with stopping.at_once():
                    page = self._retrying()(self._get_once, url, Credentials(url, headers, secret))
            except PageError as error:
                self._count_failure(error)
                raise
            self.cache.write(page)
        self._given.add(url)
        return page

    def forget_given(self) -> None:
        """Keep none of the pages that this session gave: they turned out to be of no use."""
        for url in self._given:
            self.cache.forget(url)

    def permit(self, url: str) -> None:
        """Wait until the url may be asked for.

        Raises:
            PageError: robots.txt forbids it, or it is no http url.
            HostStopped: its host is asked no more.
            CollectError: nobody is named as contact.
        """
        host = host_of(url)
        if not host:
            raise PageError(url, "bad_url", "not an http or https url")
        if host in self._stopped:
            raise self._stopped[host]
        if host not in self.hosts:
            self._check_contact()
        robots = self._robots_of(url)
        if not robots.can_fetch(url, AGENT):
            raise PageError(
                url,
                "robots",
                "the site's robots.txt forbids this page",
                hint="ask the site for permission, or give these documents as local files "
                "(source kind: files)",
            )
        self._wait(host, float(robots.crawl_delay(AGENT) or 0))

    def stop(self, url: str, what: str, hint: str) -> HostStopped:
        """Ask the url's host no more; returns the error to raise."""
        error = HostStopped(what, where=url, hint=hint)
        self._stopped[host_of(url)] = error
        return error

    def check_challenge(
        self, url: str, text: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Raise HostStopped where the text is a bot challenge in place of a page."""
        kind = challenge_of(text, headers)
        if kind:
            raise self.stop(
                url,
                f"a bot challenge ({kind}) in place of the page",
                "the site asks for a human; nothing of it was kept. Run again later (finished "
                "documents are in the store), ask the site for access for your contact, or put "
                "titles, urls and abstracts into a file and use source kind 'files'",
            )

    # ---- one request ----------------------------------------------------------

    def _retrying(self) -> Retrying:
        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, PageError) else None
            # urllib3's formula: backoff · 2^n and up to as much again at random, at most a minute
            jitter = int.from_bytes(os.urandom(2), "big") / 2**16
            spread = self.backoff * 2 ** (state.attempt_number - 1) * (1 + jitter)
            return min(spread, 60.0) if asked is None else asked + jitter * min(self.backoff, 1.0)

        def worth(error: BaseException) -> bool:
            return (
                isinstance(error, PageError)
                and error.passing
                and (error.retry_after or 0) <= PATIENCE
            )

        def announce(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            pause = state.next_action.sleep if state.next_action else 0
            log.info("%s; asking again in %.1f s", error, pause)

        return Retrying(
            stop=stop_after_attempt(self.fetching.retries + 1),
            wait=wait,
            retry=retry_if_exception(worth),
            before_sleep=announce,
            reraise=True,
        )

    def _count_failure(self, error: PageError) -> None:
        """Stop a host that did not answer several times in a row, or that asked for a long rest."""
        host = host_of(error.where)
        if error.reason == "rate_limited":
            raise self.stop(
                error.where,
                f"{error.what}, again and again",
                "run again later with a longer fetching.delay; finished documents are in the store",
            ) from None
        if error.reason in ("connection", "timeout"):
            self._failures[host] = self._failures.get(host, 0) + 1
            if self._failures[host] >= FAILURES:
                raise self.stop(
                    error.where,
                    f"{host} did not answer {FAILURES} times in a row ({error.what})",
                    "check the network (compute nodes often have none), then run again; finished "
                    "documents are in the store",
                ) from None

    def _get_once(self, url: str, credentials: Credentials) -> Page:
        current = url
        for _ in range(REDIRECTS + 1):
            self.permit(current)
            with closing(self._send(current, credentials)) as response:
                target = self._http.get_redirect_target(response)
                if target:
                    current = credentials.stripped(urljoin(current, target))
                    continue
                text = credentials.hidden(self._text_of(current, response, credentials))
                self._failures.pop(host_of(current), None)
                media = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
                return Page(url, current, media, text)
        raise PageError(url, "redirects", f"more than {REDIRECTS} redirects")

    def _send(self, url: str, credentials: Credentials | None = None) -> requests.Response:
        self.requests += 1
        try:
            return send(self._http, url, self.fetching.timeout, credentials)
        finally:
            # from the answer on: a host that is slow to answer gets its rest all the same
            if host_of(url) not in self.hosts:
                self._turns.asked(host_of(url))

    def _text_of(self, url: str, response: requests.Response, credentials: Credentials) -> str:
        """The text of a page that is there and is one."""
        response.reason = credentials.hidden(response.reason or "")
        check_media(url, response)
        limit = int(self.fetching.max_megabytes * 1e6)
        body = body_of(url, response, limit, self.fetching.timeout)
        text = decoded(body, response.headers.get("Content-Type", "").lower())
        self.check_challenge(url, text, response.headers)  # they come with any status
        check_status(url, response)
        return text

    # ---- manners --------------------------------------------------------------

    def _check_contact(self) -> None:
        hint = (
            "set fetching.contact in the experiment or the environment variable PAPERTUNE_CONTACT"
        )
        if not self.contact:
            raise CollectError(
                "nobody is named whom a site can write to",
                where="fetching.contact",
                hint=f"{hint} to your e-mail address or a page about you",
            )
        if not (self.contact.isascii() and self.contact.isprintable()):
            raise CollectError(
                "the contact has characters that no header can carry",
                where="fetching.contact",
                hint=f"{hint} to plain ASCII",
            )

    def _wait(self, host: str, crawl_delay: float) -> None:
        own = host in self.hosts
        delay = max(self.fetching.delay, crawl_delay, least_delay(host))
        pause = 0.0 if own else self._turns.pause(host, delay)
        if pause > 30:
            log.info("%s: waiting %.0f s, as its robots.txt or fetching.delay asks", host, pause)
        if pause > 0:
            time.sleep(pause)
        if not own:
            self._turns.asked(host)  # a browser asks by itself after this

    def _robots_of(self, url: str) -> Protego:
        """The rules of the url's site (RFC 9309: a 4xx allows all, a 5xx nothing yet)."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._robots:
            current = f"{site}/robots.txt"
            text = ""
            for _ in range(REDIRECTS):
                self._wait(host_of(current), 0.0)
                with closing(self._send(current)) as response:
                    target = self._http.get_redirect_target(response)
                    if target:
                        current = urljoin(current, target)
                        continue
                    if response.status_code >= 500:
                        raise PageError(
                            url,
                            "robots_unreachable",
                            f"robots.txt cannot be read (status {response.status_code})",
                            passing=True,
                        )
                    if response.status_code == 200:
                        body = body_of(current, response, ROBOTS_BYTES, self.fetching.timeout)
                        text = body.decode("utf-8", "replace")
                break
            self._robots[site] = Protego.parse(text)
        return self._robots[site]


def host_of(url: str) -> str:
    """The host of an http or https url in lower case, or an empty string where it is none."""
    try:
        url.encode()
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.port != 0  # a bad port raises
        return (parts.hostname or "") if whole else ""
    except ValueError:
        return ""
