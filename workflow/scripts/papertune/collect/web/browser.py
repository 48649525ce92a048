"""Pages that only JavaScript writes, rendered by headless Chromium through Selenium."""

import logging
import threading
import time
from contextlib import AbstractContextManager

from papertune.collect.identifiers import host_of
from papertune.collect.texts.abstracts import best_abstract
from papertune.collect.web.addresses import PrivateAddress
from papertune.collect.web.chromium import Chromium, said
from papertune.collect.web.pauses import held
from papertune.collect.web.session import PoliteSession, ending_at_once
from papertune.collect.web.transport import PageError, private, timed_out

log = logging.getLogger("papertune")

TIRED = 0.6  # of the memory that it may take: with more it starts afresh before the next page
SLACK = 15.0  # seconds over timeout and patience before a page that hangs is ended
NOTHING = "about:blank"
FILE = "the link leads to a file, which is not downloaded"


class Browser(AbstractContextManager["Browser"]):
    """One browser for all pages of a job, one page at a time, whichever thread asks.

    It is started with the first page and again when it dies, after ``fetching.browser_pages``
    pages, and when its memory comes near to ``fetching.browser_megabytes``. Its manners, User-Agent
    and mapped hosts are the session's. A loaded page's scripts get ``patience`` seconds to write the
    abstract, which begin anew as long as an answer is awaited; ``fetching.timeout`` ends them.
    """

    def __init__(self, session: PoliteSession, *, patience: float = 5.0) -> None:
        self.session, self.patience = session, patience
        self.starts = 0
        self._running: Chromium | None = None
        self._lock = threading.Lock()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the browser, if it runs."""
        if self._running is not None:
            self._running.close()
        self._running = None

    def abstract(self, url: str) -> tuple[str, str] | None:
        """The abstract of a rendered page and its extractor, where it is whole.

        Raises:
            PageError: the page does not load, leads to a private address, is a file, takes too
                much memory, or robots.txt forbids it or where it leads.
            HostStopped: a challenge in place of the page.
            BrowserMissing: no browser can be started.
        """
        self.session.permit(url)
        with held(self._lock, self.session.check), ending_at_once():
            return self._abstract(url)

    def _abstract(self, url: str) -> tuple[str, str] | None:
        from selenium.common.exceptions import WebDriverException
        from urllib3.exceptions import HTTPError

        most = self.session.fetching.timeout + self.patience + SLACK
        for attempt in (1, 2):
            browser = self._ready()
            browser.deadline = time.monotonic() + most
            browser.pages += 1
            try:
                return self._look(browser, url)
            except (WebDriverException, HTTPError, OSError) as error:
                if judged := self._judged(browser, url, error):
                    raise judged from None
                again = "; again" * (attempt == 1)
                log.warning("%s: the browser died (%s)%s", url, said(error), again)
                self.close()
            finally:
                browser.deadline = float("inf")
                self.session.asked(url)
        raise PageError(url, "browser_died", "the browser died on this page twice", passing=True)

    def _ready(self) -> Chromium:
        """The browser, started or started afresh."""
        now, fetching = self._running, self.session.fetching
        if now is not None and (
            now.ended_for
            or now.pages >= fetching.browser_pages
            or now.megabytes() > TIRED * fetching.browser_megabytes
        ):
            log.info("the browser starts afresh after %d pages", now.pages)
            self.close()
        if self._running is None:
            self._running = Chromium(self.session)
            self.starts += 1
        return self._running

    def _judged(self, browser: Chromium, url: str, error: Exception) -> PageError | None:
        """What an error of the browser says about the page; a death by itself says nothing."""
        from selenium.common.exceptions import TimeoutException

        fetching, refused = self.session.fetching, browser.proxy and browser.proxy.refused
        hangs = isinstance(error, TimeoutException)  # not even its script lets it be read
        if browser.ended_for or hangs:
            self.close()
        if browser.ended_for == "memory":
            what = f"the page takes more than {fetching.browser_megabytes} MB in the browser"
            hint = "raise fetching.browser_megabytes if the page is wanted"
            return PageError(url, "browser_memory", what, hint=hint)
        if browser.ended_for or hangs:
            return timed_out(url, fetching.timeout)
        why = said(error)
        if "net::ERR_SOCKS" in why and refused:
            return private(url, refused)
        if "net::ERR_BLOCKED_BY_CLIENT" in why:
            return private(url, PrivateAddress("it", "it"))
        if "net::ERR_ABORTED" in why:
            return PageError(url, "not_html", FILE)
        return PageError(url, "connection", why, passing=True) if "net::ERR" in why else None

    def _look(self, browser: Chromium, url: str) -> tuple[str, str] | None:
        from selenium.common.exceptions import TimeoutException

        most = time.monotonic() + self.session.fetching.timeout  # of the page with all it asks for
        driver, late = browser.driver, False
        timeout = timed_out(url, self.session.fetching.timeout)
        # what the page before left, or opened, must not be taken for this one's
        first, *others = driver.window_handles
        for handle in others:
            driver.switch_to.window(handle)
            driver.close()
        driver.switch_to.window(first)
        driver.get(NOTHING)
        if browser.proxy is not None:
            browser.proxy.refused = None
        try:
            driver.get(url)
        except TimeoutException:
            late = True  # what is there by now may do
        end = time.monotonic() + (0.0 if late else self.patience)
        seen, landed, found, last = "", url, None, False
        while not last:
            if browser.waits() and not late:  # how fast a server answers says nothing about a page
                end = min(most, time.monotonic() + self.patience)
            last = time.monotonic() >= end
            if (now := driver.current_url) != landed:
                landed = now
                if landed in (NOTHING, "data:,"):  # no page has come in its place
                    raise timeout if late else PageError(url, "not_html", FILE)
                # redirects and scripts have led there, and it has asked by itself
                self.session.allow(landed)
                if host_of(landed) != host_of(url):
                    self.session.asked(landed)
            if (html := driver.page_source) != seen:
                seen, best = html, best_abstract(html, landed)
                found = (best.text, best.found_by) if best and not best.truncated else None
                # a description is the last resort: scripts may still write the abstract itself
                if found and found[1] != "og:description":
                    return found
            time.sleep(0.0 if last else 0.1)
        self.session.check_challenge(url, seen)
        if not found and (late or end == most):
            raise timeout
        return found
