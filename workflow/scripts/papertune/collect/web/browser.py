"""Render pages that need JavaScript in headless Chromium, through Playwright."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, suppress

from papertune.collect.identifiers import host_of
from papertune.collect.texts.abstracts import best_abstract
from papertune.collect.web.chromium import Chromium, said
from papertune.collect.web.pauses import LOOK
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError, private, timed_out
from papertune.errors import PapertuneError

log = logging.getLogger("papertune")

TIRED = 0.6  # share of its memory limit above which it is restarted before the next page
NOTHING = "about:blank"
SLACK = 15.0  # seconds beyond timeout and patience after which a hanging page is ended
FILE = "the link leads to a file, which is not downloaded"


class Browser(AbstractContextManager["Browser"]):
    """One browser for all pages of a job, one page at a time, whichever thread asks.

    It starts with the first page, and again after a crash, after ``fetching.browser_pages`` pages,
    and when its memory approaches ``fetching.browser_megabytes``. It shares the session's delays,
    robots.txt rules, User-Agent and hosts, and closes the session at its end. A loaded page's
    scripts get ``patience`` seconds after the last response to write the abstract, within
    ``fetching.timeout``.
    """

    def __init__(self, session: PoliteSession, *, patience: float = 5.0) -> None:
        self.session, self.patience = session, patience
        self.starts = 0
        self._running: Chromium | None = None
        self._thread = ThreadPoolExecutor(1, "browser")  # a browser belongs to one thread

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the browser, even during a page; threads that wait for it end."""
        self.session.close()
        if self._running is not None:
            self._running.end("closed")
        with suppress(RuntimeError):  # it was closed before
            self._thread.submit(self._stop)
        self._thread.shutdown()

    def abstract(self, url: str) -> tuple[str, str] | None:
        """The abstract of a rendered page and its extractor; None if there is no complete one.

        Raises:
            PageError: the page does not load, leads to a private address, is a file, needs too
                much memory, or robots.txt forbids it or the page that it leads to.
            HostStopped: the host sets a challenge in place of the page.
            BrowserMissing: no browser can be started.
            Interrupted: the job is to end.
        """
        with self.session.reading(url):
            self.session.readers.known(best_abstract, f"browser:{url}")
        self.session.permit(url)
        page = self._thread.submit(self._abstract, url)
        try:
            while not wait([page], LOOK).done:
                self.session.check()
        finally:
            page.cancel()
        return page.result()

    def _abstract(self, url: str) -> tuple[str, str] | None:
        most = self.session.fetching.timeout + self.patience + SLACK
        for attempt in (1, 2):
            browser = self._ready()
            self.session.check()
            browser.deadline = time.monotonic() + most
            browser.pages += 1
            try:
                return self._look(browser, url)
            except Exception as error:  # Playwright's own have no common class
                if isinstance(error, PapertuneError):
                    raise
                if judged := self._judged(browser, url, error):
                    raise judged from None
                again = "; trying again" * (attempt == 1)
                log.warning("%s: the browser crashed (%s)%s", url, said(error), again)
                self._stop()
            finally:
                browser.deadline = float("inf")
                self.session.asked(url)
        raise PageError(url, "browser_died", "the browser crashed on this page twice", passing=True)

    def _ready(self) -> Chromium:
        """The running browser, started or restarted if needed."""
        now, fetching = self._running, self.session.fetching
        if now is not None and (
            now.ended_for
            or now.pages >= fetching.browser_pages
            or now.megabytes() > TIRED * fetching.browser_megabytes
        ):
            log.info("the browser restarts after %d pages", now.pages)
            self._stop()
        if self._running is None:
            self._running = Chromium(self.session)
            self.starts += 1
        return self._running

    def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def _judged(self, browser: Chromium, url: str, error: Exception) -> PageError | None:
        """The PageError behind an error of the browser; None for a crash without a known cause."""
        fetching, refused = self.session.fetching, browser.proxy.refused
        if browser.ended_for:
            self._stop()
        if browser.ended_for == "memory":
            what = f"the page needs more than {fetching.browser_megabytes} MB in the browser"
            hint = "raise fetching.browser_megabytes if the page is wanted"
            return PageError(url, "browser_memory", what, hint=hint)
        if browser.ended_for:
            return timed_out(url, fetching.timeout)
        why = said(error)
        if "net::ERR_ABORTED" in why or "Download is starting" in why:
            return PageError(url, "not_html", FILE)
        if "net::ERR" not in why:
            return None
        return private(url, refused) if refused else PageError(url, "connection", why, passing=True)

    def _look(self, browser: Chromium, url: str) -> tuple[str, str] | None:
        most = time.monotonic() + self.session.fetching.timeout  # for the page and all its requests
        late = not browser.open(url)
        timeout = timed_out(url, self.session.fetching.timeout)
        end = time.monotonic() + (0.0 if late else self.patience)  # a partial page may be enough
        seen, landed, found, last = "", url, None, False
        while not last:
            if browser.awaited and not late:  # how fast a server answers says nothing about a page
                end = min(most, time.monotonic() + self.patience)
            last = time.monotonic() >= end
            html, now = browser.shown()
            if now != landed:
                landed = now
                if landed == NOTHING:  # no page has replaced it
                    raise timeout if late else PageError(url, "not_html", FILE)
                # redirects or scripts led there, and the browser has sent the request
                self.session.allow(landed)
                if host_of(landed) != host_of(url):
                    self.session.asked(landed)
            if html != seen:
                seen, best = html, self.session.abstract(html, landed, f"browser:{url}")
                found = (best.text, best.found_by) if best and not best.truncated else None
                # a description is the last resort: scripts may still write the abstract itself
                if found and found[1] != "og:description":
                    return found
            if not last:
                browser.page.wait_for_timeout(100)
        self.session.check_challenge(url, seen)
        if not found and (late or end == most):
            raise timeout
        return found
