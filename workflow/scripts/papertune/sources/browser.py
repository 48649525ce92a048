"""Pages that only JavaScript writes, rendered by headless Chromium through Selenium."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from papertune import stopping
from papertune.sources.abstracts import find_abstract
from papertune.sources.session import PoliteSession
from papertune.sources.transport import PageError, timed_out

log = logging.getLogger("papertune")

HOW_TO_GET_ONE = (
    "install Chromium and its driver (Debian: apt-get install chromium chromium-driver; "
    "conda-forge: chromium and python-chromedriver-binary; or name others in PAPERTUNE_CHROMIUM "
    "and PAPERTUNE_CHROMEDRIVER), then snakemake --forcerun render_documents"
)
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers and root have no user namespaces to build one with
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--blink-settings=imagesEnabled=false",
    "--disable-features=HttpsUpgrades,Translate",
)


class BrowserMissing(Exception):
    """There is no browser, or it does not start; the text says which."""


def find_browser() -> tuple[str, str] | None:
    """Chromium and its driver: as the environment says, else on the path; None where one lacks."""
    named = os.environ.get("PAPERTUNE_CHROMIUM")
    binary = (
        shutil.which(named)
        if named is not None
        else next(
            filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
        )
    )
    if not binary:
        return None
    driver = shutil.which(os.environ.get("PAPERTUNE_CHROMEDRIVER") or "chromedriver") or (
        shutil.which("chromedriver", path=str(Path(binary).resolve().parent))
    )
    return (binary, driver) if driver else None


def browser_available() -> bool:
    """Whether pages can be rendered on this machine."""
    return find_browser() is not None


class Browser:
    """One browser for all pages of a job, started with the first and again when it dies.

    Args:
        session: Whose manners, User-Agent and mapped hosts the browser takes over.
        patience: Seconds that a loaded page's scripts get to write the abstract.
    """

    def __init__(self, session: PoliteSession, *, patience: float = 5.0) -> None:
        self.session, self.patience = session, patience
        self._driver: Any = None
        self._profile: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the browser, if it runs."""
        driver, self._driver = self._driver, None
        process = self._process()
        if driver is not None:
            try:
                driver.quit()
            except Exception as error:  # a dead browser cannot be told to stop
                log.debug("browser did not stop cleanly: %s", error)
        self._end(process)
        if self._profile is not None:
            self._profile.cleanup()
            self._profile = None

    def _process(self) -> int | None:
        """The browser's own process, as its profile's lock names it: ``<machine>-<process>``."""
        try:
            lock = os.readlink(Path(self._profile.name) / "SingletonLock") if self._profile else ""
        except OSError:
            return None
        number = lock.rpartition("-")[2]
        return int(number) if number.isdigit() else None

    def _end(self, process: int | None) -> None:
        """End a browser that outlived its driver; no other process has its profile's name."""
        with suppress(OSError):
            command = Path(f"/proc/{process}/cmdline").read_bytes()
            if process is not None and self._profile and self._profile.name.encode() in command:
                os.kill(process, signal.SIGKILL)

    def abstract(self, url: str) -> tuple[str, str] | None:
        """The abstract of a rendered page and its extractor, as :func:`find_abstract` gives them.

        Raises:
            PageError: the page does not load, or robots.txt forbids it.
            HostStopped: a challenge in place of the page.
            BrowserMissing: no browser can be started.
        """
        from selenium.common.exceptions import WebDriverException
        from urllib3.exceptions import HTTPError

        self.session.permit(url)
        for attempt in (1, 2):
            if self._driver is None:
                self._start()
            try:
                with stopping.at_once():
                    return self._look(url)
            except (WebDriverException, HTTPError, OSError) as error:
                said = _said(error)
                if "net::ERR" in said:
                    raise PageError(url, "connection", said, passing=True) from None
                log.warning("%s: the browser died (%s)%s", url, said, "; again" * (attempt == 1))
                self.close()
        raise PageError(url, "browser_died", "the browser died on this page twice", passing=True)

    def _look(self, url: str) -> tuple[str, str] | None:
        from selenium.common.exceptions import TimeoutException

        late = False
        try:
            self._driver.get(url)
        except TimeoutException:
            late = True  # what is there by now may do
        end = time.monotonic() + (0.0 if late else self.patience)
        seen, found = "", None
        while True:
            html = self._driver.page_source
            if html != seen:
                seen, found = html, find_abstract(html, self._driver.current_url)
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

    def _start(self) -> None:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException

        found = find_browser()
        if found is None:
            raise BrowserMissing("no Chromium with its driver on this machine")
        binary, driver = found
        self._profile = tempfile.TemporaryDirectory(
            prefix="papertune-browser-", ignore_cleanup_errors=True
        )
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        options.page_load_strategy = "eager"  # pictures and advertisements are not waited for
        for flag in FLAGS:
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={self._profile.name}")
        options.add_argument(f"--user-agent={self.session.user_agent}")
        if self.session.hosts:
            rules = ",".join(f"MAP {name} {a}:{p}" for name, (a, p) in self.session.hosts.items())
            options.add_argument(f"--host-resolver-rules={rules}")
            options.add_argument(f"--proxy-bypass-list={';'.join(self.session.hosts)}")
        try:
            # explicit paths: Selenium's own manager would go and download
            self._driver = webdriver.Chrome(
                options=options, service=webdriver.ChromeService(executable_path=driver)
            )
            self._driver.set_page_load_timeout(self.session.fetching.timeout)
        except (WebDriverException, OSError) as error:
            self.close()
            raise BrowserMissing(f"{binary} does not start ({_said(error)})") from None


def _said(error: Exception) -> str:
    """The first line of what Selenium says; stack traces of the browser follow it."""
    return (getattr(error, "msg", None) or str(error) or type(error).__name__).split("\n")[0]
