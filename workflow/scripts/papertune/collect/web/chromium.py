"""One run of headless Chromium: how it is started, watched and ended."""

import logging
import os
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import psutil

from papertune.collect.web.pauses import one_of
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.socks_proxy import SocksProxy
from papertune.study.settings import Fetching

log = logging.getLogger("papertune")

# no sandbox: containers and root have no user namespaces to build one with; no breakpad: its handler
# outlives the browser
_FLAGS = """
headless=new no-sandbox disable-gpu disable-quic disable-dev-shm-usage no-first-run
no-default-browser-check disable-background-networking disable-component-update disable-default-apps
disable-sync disable-extensions disable-notifications deny-permission-prompts disable-breakpad
disable-crash-reporter force-webrtc-ip-handling-policy=disable_non_proxied_udp
blink-settings=imagesEnabled=false
disable-features=HttpsUpgrades,Translate,MediaRouter,OptimizationHints
"""
FLAGS = tuple(f"--{flag}" for flag in _FLAGS.split())
PREFERENCES = {
    "download_restrictions": 3,  # none at all
    "download.prompt_for_download": False,
    "plugins.always_open_pdf_externally": True,  # a download, and so nothing
    "profile.default_content_setting_values.popups": 2,  # none
    "profile.default_content_setting_values.notifications": 2,
    "profile.default_content_setting_values.automatic_downloads": 2,
}
# what a url can say of private addresses; behind a proxy there is nothing else to judge
WRITTEN = (
    *("localhost", "127.*", "0.*", "10.*", "169.254.*", "192.168.*", "[::1]", "[f*"),
    *(f"172.{number}.*" for number in range(16, 32)),
)
# nobody is there to see or answer what a page opens
QUIET = (
    "window.alert = window.print = () => {}; window.confirm = () => false;"
    "window.prompt = window.open = () => null"
)
HOW_TO_GET_ONE = (
    "install Chromium and its driver (Debian: apt-get install chromium chromium-driver; "
    "conda-forge: chromium and python-chromedriver-binary; or name others in PAPERTUNE_CHROMIUM "
    "and PAPERTUNE_CHROMEDRIVER), then snakemake --forcerun render_documents"
)
LOOK = 0.25  # seconds between two looks at the browser's memory


class BrowserMissing(Exception):
    """There is no browser, or it does not start; the text says which."""


def find_browser() -> tuple[str, str] | None:
    """Chromium and its driver: as the environment says, else on the path; None where one lacks."""
    named = os.environ.get("PAPERTUNE_CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome") if named is None else (named,)
    binary = next(filter(None, map(shutil.which, names)), None)
    if not binary:
        return None
    driver = shutil.which(os.environ.get("PAPERTUNE_CHROMEDRIVER") or "chromedriver") or (
        shutil.which("chromedriver", path=str(Path(binary).resolve().parent))
    )
    return (binary, driver) if driver else None


class Chromium:
    """A running browser with its driver; it has one of ``fetching.browsers`` places.

    All that it asks for goes through a :class:`SocksProxy`, so it reaches no private address. Where
    the environment names a proxy, that resolves the names, and only what urls say can be judged; a
    page that a redirect leads there is asked of the proxy, and refused once it has come.

    Raises:
        BrowserMissing: it does not start.
    """

    def __init__(self, session: PoliteSession) -> None:
        self._session = session
        self.pages = 0
        self.ended_for = ""  # "memory" or "time", once the watch has ended it
        self.deadline = float("inf")  # on the monotonic clock; the watch ends a page that hangs
        self._service: Any = None  # the driver
        self._closing = threading.Event()
        self._stack = ExitStack()
        self.proxy: SocksProxy | None = None
        self.driver: Any = None
        try:
            self._start(session, session.fetching)
        except BaseException:
            self.close()
            raise

    def _start(self, session: PoliteSession, fetching: Fetching) -> None:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException

        found = find_browser()
        if found is None:
            raise BrowserMissing("no Chromium with its driver on this machine")
        binary, driver = found
        enter = self._stack.enter_context
        enter(one_of(session.pauses.folder, "browser", fetching.browsers, session.check))
        profile = enter(
            tempfile.TemporaryDirectory(prefix="papertune-browser-", ignore_cleanup_errors=True)
        )
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        options.page_load_strategy = "eager"  # pictures and advertisements are not waited for
        options.unhandled_prompt_behavior = "dismiss"
        # to the driver on this machine; deprecated in 4.51, which has no other way for a local one
        options.ignore_local_proxy_environment_variables()
        options.add_experimental_option("prefs", PREFERENCES)
        options.add_experimental_option("excludeSwitches", ["disable-popup-blocking"])
        own = (f"--user-data-dir={profile}", f"--user-agent={session.user_agent}")
        for flag in (*FLAGS, *self._way_out(), *own):
            options.add_argument(flag)
        try:
            # explicit paths: Selenium's own manager would go and download
            service = webdriver.ChromeService(driver, popen_kw={"start_new_session": True})
            self._service = service
            self._stack.callback(self._end_all)
            self.driver = webdriver.Chrome(options=options, service=service)
            tell = self.driver.execute_cdp_cmd
            tell("Browser.setDownloadBehavior", {"behavior": "deny"})
            tell("Page.addScriptToEvaluateOnNewDocument", {"source": QUIET})
            if self.proxy is None:
                tell("Network.enable", {})
                urls = [f"*://{host}{end}" for host in WRITTEN for end in ("/*", ":*")]
                tell("Network.setBlockedURLs", {"urls": urls})
            # not before: these are a page's, and on a busy machine a start takes longer
            self.driver.set_page_load_timeout(fetching.timeout)
            self.driver.set_script_timeout(fetching.timeout)
        except (WebDriverException, OSError) as error:
            raise BrowserMissing(f"{binary} does not start ({said(error)})") from None
        self._guard(service.process.pid)
        threading.Thread(target=self._watch, name="browser-watch", daemon=True).start()

    def _way_out(self) -> list[str]:
        session, proxies = self._session, getproxies()
        ways = [f"{kind}={proxies[kind]}" for kind in ("http", "https") if kind in proxies]
        if ways and not session.hosts:
            # who is allowed by name may be a neighbour that the proxy does not know
            direct = ";".join(["<-loopback>", *session.fetching.allow_hosts])
            return [f"--proxy-server={';'.join(ways)}", f"--proxy-bypass-list={direct}"]
        self.proxy = SocksProxy(session.allowed_hosts, session.fetching.timeout)
        self._stack.callback(self.proxy.close)
        return [
            f"--proxy-server=socks5://127.0.0.1:{self.proxy.port}",
            "--proxy-bypass-list=<-loopback>",  # by itself it would ask this machine past the proxy
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        ]

    def megabytes(self) -> float:
        """The memory of all processes of the browser, what they share counted once."""
        private, shared = 0, 0
        for process in self._processes():
            with suppress(psutil.Error):
                memory = process.memory_info()
                private += memory.rss - memory.shared
                shared = max(shared, memory.shared)
        return (private + shared) / 1e6

    def close(self) -> None:
        """End the browser and all its processes; it need not be alive."""
        self._closing.set()
        driver, self.driver = self.driver, None
        if driver is not None and not self.ended_for:
            try:
                driver.quit()
            except Exception as error:  # a dead browser cannot be told to stop
                log.debug("browser did not stop cleanly: %s", error)
        self._stack.close()

    def _watch(self) -> None:
        """End a browser that takes too much memory, or whose page neither loads nor fails."""
        limit = self._session.fetching.browser_megabytes
        while not self._closing.wait(LOOK):
            late = time.monotonic() > self.deadline
            if late or self.megabytes() > limit:
                self.ended_for = "time" if late else "memory"
                self._kill()
                return

    def _processes(self) -> list[Any]:
        """The driver's session: itself, the browser and all that the browser has started."""
        leader: Any = getattr(self._service, "process", None)
        found = []
        for process in psutil.process_iter() if leader else ():
            with suppress(OSError, psutil.Error):
                ours = os.getsid(process.pid) == leader.pid
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _kill(self) -> None:
        for process in self._processes():
            with suppress(psutil.Error):
                process.kill()

    def _end_all(self) -> None:
        self._kill()
        with suppress(Exception):  # takes note of the driver's end
            self._service.stop()
        end = time.monotonic() + 5
        while time.monotonic() < end and self._processes():
            self._kill()
            time.sleep(0.02)

    def _guard(self, leader: int) -> None:
        """A process that ends the browser when this one is killed, until the browser is closed."""
        guard = subprocess.Popen(
            ["sh", "-c", f"read _; [ $? = 0 ] || kill -9 -{leader}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._stack.callback(guard.communicate, b"\n", timeout=5)


def said(error: BaseException) -> str:
    """The first line of what Selenium says; stack traces of the browser follow it."""
    return (getattr(error, "msg", None) or str(error) or type(error).__name__).split("\n")[0]
