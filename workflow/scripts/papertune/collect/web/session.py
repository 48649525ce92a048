"""One polite session for all requests of a source.

Every request names a contact, follows robots.txt and a minimum delay per host, and is retried with
exponential backoff and jitter, or after the time in Retry-After. None reaches a private address
that the experiment does not allow. Pages are cached on disk.
"""

import itertools
import logging
import os
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from papertune.collect.identifiers import host_of
from papertune.collect.texts.abstracts import Found, best_abstract
from papertune.collect.web.addresses import Allowed, PrivateAddress
from papertune.collect.web.pages import Page, PageCache, challenge_of, decoded, failure_of
from papertune.collect.web.pauses import PATIENCE, HostPauses, Slot, least_delay, nap
from papertune.collect.web.sites import Sites
from papertune.collect.web.transport import Answer, Credentials, Http, PageError, private
from papertune.errors import CollectError, has_user, shown
from papertune.jobs import stopping
from papertune.jobs.apart import Readers, Unread
from papertune.study.settings import Fetching

log = logging.getLogger("papertune")

AGENT = "Papertune"
VERSION = "0.1"
REDIRECTS = 10
NAME_A_CONTACT = (
    "set fetching.contact in the experiment or the environment variable PAPERTUNE_CONTACT to your "
    "e-mail address or the url of a page about you, in plain ASCII"
)
READERS = 2  # at once: if one takes long over a page, the other goes on


def contact_of(fetching: Fetching) -> str:
    """The contact for a site's operator: ``fetching.contact``, else ``$PAPERTUNE_CONTACT``."""
    return (fetching.contact or os.environ.get("PAPERTUNE_CONTACT", "")).strip()


def is_contact(text: str) -> bool:
    """Whether a contact can be sent in a header."""
    return bool(text) and text.isascii() and text.isprintable()


class PoliteSession(AbstractContextManager["PoliteSession"]):
    """All requests of one source, from any number of threads.

    Args:
        fetching: Contact, delay, timeout, retries and size limit.
        cache: The folder of cached pages.
        pauses: The folder of the hosts' last request times; by default ``turns`` in the cache.
            Sessions that send requests to the same hosts share it.
        hosts: Host name → (address, port) of this process's own servers: their urls are the same
            whatever the port is, and they need no delay.
        backoff: Seconds before the first retry; doubled for every further one.
        contact_needed: Whether a missing contact ends the job, or fails only the requested page.
    """

    def __init__(
        self,
        fetching: Fetching,
        cache: str | Path,
        *,
        pauses: str | Path | None = None,
        hosts: Mapping[str, tuple[str, int]] | None = None,
        backoff: float = 1.0,
        contact_needed: bool = True,
    ) -> None:
        self.fetching, self.backoff, self._contact_needed = fetching, backoff, contact_needed
        self.hosts = dict(hosts or {})
        self.allowed_hosts = Allowed(fetching.allow_hosts, self.hosts)
        self.cache = PageCache(cache)
        self.pauses = HostPauses(pauses or self.cache.folder / "turns")
        self.readers = Readers(self.cache.folder / "unread", most=READERS, check=self.check)
        self.requests = 0  # sent by this session, robots.txt included
        self._given: dict[str, None] = {}  # urls, the last returned at the end
        self._sites = Sites(lambda url: self._ask(url, Credentials(url), "*"), self.check)
        self.stop = self._sites.stop
        self._http = Http(self.user_agent, self.allowed_hosts, fetching.timeout)
        self._closed = False

    def close(self) -> None:
        """End waiting threads and the processes that read pages."""
        self._closed = True
        self.readers.close()

    def check(self) -> None:
        """Raise Interrupted if the job is to end or the session is closed."""
        stopping.check()
        if self._closed:
            raise stopping.Interrupted("the session is closed")

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def contact(self) -> str:
        """The contact for a site's operator: ``fetching.contact``, else ``$PAPERTUNE_CONTACT``."""
        return contact_of(self.fetching)

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
        api: bool = False,
    ) -> Page:
        """A page as text, from the cache if it is there.

        Args:
            url: An http or https url; the page is cached under it.
            refresh: Request the page again even if it is in the cache.
            headers: Sent with the request, and neither stored nor logged. A redirect to another
                host gets only ``Accept``, ``Accept-Language`` and ``Content-Type`` of them.
            secret: Query parameters, such as an API's key, that are sent to the url's host alone.
                They are in no cache file, log or error; in the page they are replaced by ``***``.
            api: The url is an API whose documentation invites programs: its robots.txt, which is
                for crawlers of pages, is not read.

        Raises:
            PageError: the page cannot be fetched; other pages of the host may be.
            HostStopped: the host sets a challenge or does not answer, and is given up.
            CollectError: no contact is set.
        """
        page = None if refresh else self.cache.read(url)
        if page is None:
            try:
                # signals reach the main thread; others check for the job's end while they wait
                main = threading.current_thread() is threading.main_thread()
                with stopping.at_once() if main else nullcontext():
                    page = self._get(url, Credentials(url, headers, secret), api)
            except PageError as error:
                self._sites.failed(error)
                raise
            self.cache.write(url, page)
        self._given[url] = self._given.pop(url, None)
        return page

    def abstract(self, html: str, landed: str, of: str) -> Found | None:
        """The abstract of a page, or None; ``of`` is its url and how it was fetched.

        Raises:
            PageError: the page cannot be read; under ``of``, it is not read again.
        """
        with self.reading(of):
            found = self.readers.read(best_abstract, html, landed, of=of)
            return found and Found(**found)

    @contextmanager
    def reading(self, url: str) -> Iterator[None]:
        """In the context, Unread becomes a PageError of the url."""
        try:
            yield
        except Unread as error:
            # temporary here: the readers remember what cannot be read
            raise PageError(url, error.reason, error.what, passing=True, hint=error.hint) from None

    def forget_given(self, last: bool = False) -> None:
        """Remove from the cache the pages that this session returned, or only the last one."""
        for url in [*self._given][-1 if last else 0 :]:
            self.cache.forget(url)

    def permit(self, url: str) -> None:
        """Wait until the url may be requested by other means (a browser); raises like ``allow``."""
        with self._slot(url, self.allow(url)):
            pass

    def asked(self, url: str) -> None:
        """Record a request to the url's host by other means: its pause starts again."""
        if host_of(url) not in self.hosts:
            self.pauses.asked(host_of(url), self.check)

    def allow(self, url: str) -> float:
        """The crawl delay of the url's robots.txt in seconds, if the url may be requested.

        Raises:
            PageError: robots.txt forbids it, it leads to a private address, or it is no http url.
            HostStopped: its host was given up.
            CollectError: no contact is set.
        """
        self._check_host(url)
        rules = self._sites.rules(url)
        if not rules.can_fetch(url, AGENT):
            what = "the site's robots.txt forbids this page"
            hint = "ask the site for permission, or give these documents as files"
            raise PageError(url, "robots", what, hint=f"{hint} (source kind: files)")
        return float(rules.crawl_delay(AGENT) or 0)

    def check_challenge(self, url: str, text: str, headers: Mapping[str, str] = {}) -> None:
        """Raise HostStopped if the text is a bot challenge in place of a page."""
        if kind := challenge_of(text, headers):
            raise self.stop(
                url,
                f"a bot challenge ({kind}) in place of the page",
                "the site wants proof of a human visitor; the page was not cached. Run again later "
                "(finished documents are in the store), ask the site for access for your contact, "
                "or put titles, urls and abstracts into a file and use source kind 'files'",
            )

    # ---- requests -------------------------------------------------------------

    def _get(self, url: str, own: Credentials, api: bool) -> Page:
        """Fetch a page; retry after temporary errors, with growing pauses or as the host asks."""
        for attempt in itertools.count():
            self.check()
            try:
                with self._ask(url, own, host_of(url) if api else "") as answer:
                    return self._page(url, answer)
            except PageError as error:
                asked = error.retry_after
                last = attempt == self.fetching.retries or error.reason == "no_contact"
                if last or not error.passing or (asked or 0) > PATIENCE:
                    raise
                jitter = random.SystemRandom().random()
                grown = min(self.backoff * 2**attempt * (1 + jitter), 60.0)
                pause = grown if asked is None else asked + jitter * min(self.backoff, 1.0)
                log.info("%s; retrying in %.1f s", error, pause)
                nap(pause, self.check)
        raise AssertionError("unreachable")

    @contextmanager
    def _ask(self, url: str, own: Credentials, free: str) -> Iterator[Answer]:
        """The answer at the end of a url's redirects.

        The robots.txt of each step is followed, except for the host ``free`` (``*`` is any host).
        """
        target = url
        for _ in range(REDIRECTS + 1):
            delay = 0.0 if free in ("*", host_of(target)) else self.allow(target)
            answer = self._send(target, delay, own)
            with closing(answer.response):
                target = answer.target()
                if not target:
                    yield answer
                    return
        raise PageError(url, "redirects", f"more than {REDIRECTS} redirects")

    def _send(self, url: str, crawl_delay: float, own: Credentials) -> Answer:
        with self._slot(url, crawl_delay) as slot:
            self._check_host(url)  # another thread may have given the host up meanwhile
            self.requests += 1
            answer = self._http.ask(url, own, direct=host_of(url) in self.hosts)
            if answer.status in (429, 503):
                # all other requests to this host wait, too
                asked = answer.retry_after()
                busy = self.backoff if answer.status == 429 else 0.0
                slot.rest = busy if asked is None else asked
            return answer

    def _page(self, url: str, answer: Answer) -> Page:
        """The page that an answer has; raises PageError or HostStopped if it has none."""
        answer.check_media()
        body = answer.body(int(self.fetching.max_megabytes * 1e6))
        media = answer.headers.get("Content-Type", "").lower()
        text = answer.own.hidden(decoded(body, media), answer.url)
        self.check_challenge(answer.url, text, answer.headers)  # with any status
        answer.check_status(text)
        if title := failure_of(text):
            what = f"an error notice in place of the page: {title!r}"
            raise PageError(url, "site_fails", what, passing=True)
        self._sites.answered(answer.url)
        return Page(shown(url), shown(answer.url), media.split(";")[0].strip(), text)

    def _check_host(self, url: str) -> None:
        """Raise if the url's host was given up, or may not get requests."""
        host = host_of(url)
        if not host:
            what = (
                "a url with a user or password in it"
                if has_user(url)
                else "not an http or https url"
            )
            raise PageError(url, "bad_url", what)
        self._sites.check(url)
        if host in self.hosts:
            return
        contact = self.contact
        if not is_contact(contact):
            what = f"the contact {contact!r} is not an address that a site can write to"
            if self._contact_needed:
                raise CollectError(what, where="fetching.contact", hint=NAME_A_CONTACT)
            raise PageError(url, "no_contact", what, passing=True, hint=NAME_A_CONTACT)
        parts = urlsplit(url)
        try:
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
            self.allowed_hosts.check_written(host, port)
        except PrivateAddress as error:
            raise private(url, error) from None

    def _slot(self, url: str, crawl_delay: float) -> AbstractContextManager[Slot]:
        """Wait for the host's turn, and hold it in the context."""
        host = host_of(url)
        if host in self.hosts:
            return nullcontext(Slot())
        delay = max(self.fetching.delay, crawl_delay, least_delay(host))
        return self.pauses.slot(host, delay, self.check)
