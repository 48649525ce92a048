"""Pages that only JavaScript writes, rendered by headless Chromium through Selenium."""

import logging
import threading
import time

from papertune.collect.identifiers import host_of
from papertune.collect.texts.abstracts import best_abstract
from papertune.collect.web.addresses import PrivateAddress
from papertune.collect.web.chromium import Chromium, said
from papertune.collect.web.pauses import LOOK
from papertune.collect.web.session import PoliteSession, ending_at_once
from papertune.collect.web.transport import PageError, private, timed_out

log = logging.getLogger("papertune")

TIRED = 0.6  # of the memory that it may take: with more it starts afresh before the next page
SLACK = 15.0  # seconds over timeout and patience before a page that hangs is ended
NOTHING = "about:blank"


class Browser:
    """One browser for all pages of a job, one page at a time, whichever thread asks.

    It is started with the first page and again when it dies, after ``fetching.browser_pages``
    pages, and when its memory comes near to ``fetching.browser_megabytes``. Its manners, User-Agent
    and mapped hosts are the session's; a loaded page's scripts get ``patience`` seconds to write
    the abstract.
    """

    def __init__(self, session: PoliteSession, *, patience: float = 5.0) -> None:
        self.session, self.patience = session, patience
        self.starts = 0
        self._running: Chromium | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "Browser":
        return self

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
        while not self._lock.acquire(timeout=LOOK):
            self.session.check()
        try:
            with ending_at_once():
                return self._abstract(url)
        finally:
            self._lock.release()

    def _abstract(self, url: str) -> tuple[str, str] | None:
        from selenium.common.exceptions import TimeoutException, WebDriverException
        from urllib3.exceptions import HTTPError

        timeout = self.session.fetching.timeout
        for attempt in (1, 2):
            browser = self._ready()
            browser.deadline = time.monotonic() + timeout + self.patience + SLACK
            browser.pages += 1
            try:
                return self._look(browser, url)
            except TimeoutException:
                self.close()  # its script does not even let the page be read
                raise timed_out(url, timeout) from None
            except (WebDriverException, HTTPError, OSError) as error:
                why = said(error)
                self._judge(browser, url, why)
                log.warning("%s: the browser died (%s)%s", url, why, "; again" * (attempt == 1))
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

    def _judge(self, browser: Chromium, url: str, why: str) -> None:
        """Raise what an error of the browser says about the page; a death by itself says nothing."""
        fetching = self.session.fetching
        if browser.ended_for:
            self.close()
        if browser.ended_for == "memory":
            what = f"the page takes more than {fetching.browser_megabytes} MB in the browser"
            hint = "raise fetching.browser_megabytes if the page is wanted"
            raise PageError(url, "browser_memory", what, hint=hint) from None
        if browser.ended_for == "time":
            raise timed_out(url, fetching.timeout) from None
        if "net::ERR_SOCKS" in why and browser.proxy is not None and browser.proxy.refused:
            raise private(url, browser.proxy.refused) from None
        if "net::ERR_BLOCKED_BY_CLIENT" in why:
            raise private(url, PrivateAddress("it", "it")) from None
        if "net::ERR_ABORTED" in why:
            raise _file(url) from None
        if "net::ERR" in why:
            raise PageError(url, "connection", why, passing=True) from None

    def _look(self, browser: Chromium, url: str) -> tuple[str, str] | None:
        from selenium.common.exceptions import TimeoutException

        driver, late = browser.driver, False
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
        seen, landed, found = "", url, None
        while True:
            now = driver.current_url
            if now != landed:
                landed = self._check_landed(url, now, late)
            html = driver.page_source
            if html != seen:
                seen, best = html, best_abstract(html, landed)
                found = (best.text, best.found_by) if best and not best.truncated else None
                # a description is the last resort: scripts may still write the abstract itself
                if found and found[1] != "og:description":
                    return found
            if time.monotonic() >= end:
                break
            time.sleep(0.1)
        self.session.check_challenge(url, seen)
        if late and not found:
            raise timed_out(url, self.session.fetching.timeout)
        return found

    def _check_landed(self, url: str, landed: str, late: bool) -> str:
        """Judge where redirects and scripts have led; the browser has asked there by itself."""
        if landed in (NOTHING, "data:,"):  # no page has come in its place
            raise timed_out(url, self.session.fetching.timeout) if late else _file(url)
        self.session.allow(landed)
        if host_of(landed) != host_of(url):
            self.session.asked(landed)
        return landed


def _file(url: str) -> PageError:
    return PageError(url, "not_html", "the link leads to a file, which is not downloaded")
