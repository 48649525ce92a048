"""Pages that only JavaScript writes, rendered by headless Chromium through Selenium."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from papertune.collect.identifiers import host_of
from papertune.collect.texts.abstracts import find_abstract
from papertune.collect.web.addresses import PrivateAddress
from papertune.collect.web.chromium import BrowserMissing, Chromium, find_browser, said
from papertune.collect.web.pauses import LOOK
from papertune.collect.web.session import PoliteSession, ending_at_once
from papertune.collect.web.transport import PageError, private, timed_out

__all__ = ["HOW_TO_GET_ONE", "Browser", "BrowserMissing", "browser_available", "find_browser"]

log = logging.getLogger("papertune")

HOW_TO_GET_ONE = (
    "install Chromium and its driver (Debian: apt-get install chromium chromium-driver; "
    "conda-forge: chromium and python-chromedriver-binary; or name others in PAPERTUNE_CHROMIUM "
    "and PAPERTUNE_CHROMEDRIVER), then snakemake --forcerun render_documents"
)
TIRED = 0.6  # of the memory that it may take: with more it starts afresh before the next page
SLACK = 15.0  # seconds over timeout and patience before a page that hangs is ended
NOTHING = "about:blank"


def browser_available() -> bool:
    """Whether pages can be rendered on this machine."""
    return find_browser() is not None


class Browser:
    """One browser for all pages of a job, one page at a time, whichever thread asks.

    It is started with the first page and again when it dies, after ``fetching.browser_pages``
    pages, and when its memory comes near to ``fetching.browser_megabytes``.

    Args:
        session: Whose manners, User-Agent and mapped hosts the browser takes over.
        patience: Seconds that a loaded page's scripts get to write the abstract.
    """

    def __init__(self, session: PoliteSession, *, patience: float = 5.0) -> None:
        self.session, self.patience = session, patience
        self.starts = 0
        self._running: Chromium | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the browser, if it runs."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def abstract(self, url: str) -> tuple[str, str] | None:
        """The abstract of a rendered page and its extractor, as :func:`find_abstract` gives them.

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

        for attempt in (1, 2):
            browser = self._ready()
            fetching = self.session.fetching
            browser.deadline = time.monotonic() + fetching.timeout + self.patience + SLACK
            browser.pages += 1
            try:
                return self._look(browser, url)
            except TimeoutException:
                self.close()  # its script does not even let the page be read
                raise timed_out(url, fetching.timeout) from None
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
        running, fetching = self._running, self.session.fetching
        if running is not None and (
            running.ended_for
            or running.pages >= fetching.browser_pages
            or running.megabytes() > TIRED * fetching.browser_megabytes
        ):
            log.info("the browser starts afresh after %d pages", running.pages)
            self.close()
        if self._running is None:
            self._running = Chromium(self.session)
            self.starts += 1
        return self._running

    def _judge(self, browser: Chromium, url: str, why: str) -> None:
        """Raise what an error of the browser says about the page; a death by itself says nothing."""
        if browser.ended_for:
            self.close()
        if browser.ended_for == "memory":
            what = f"the page takes more than {self.session.fetching.browser_megabytes} MB in the browser"
            hint = "raise fetching.browser_megabytes if the page is wanted"
            raise PageError(url, "browser_memory", what, hint=hint) from None
        if browser.ended_for == "time":
            raise timed_out(url, self.session.fetching.timeout) from None
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
        # what the page before left must not be taken for this one's
        _leave(driver)
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
                seen, found = html, find_abstract(html, landed)
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


def _leave(driver: Any) -> None:
    """Close what pages have opened, and leave the page."""
    first, *others = driver.window_handles
    for handle in others:
        driver.switch_to.window(handle)
        driver.close()
    if others:
        driver.switch_to.window(first)
    driver.get(NOTHING)


def _file(url: str) -> PageError:
    return PageError(url, "not_html", "the link leads to a file, which is not downloaded")
