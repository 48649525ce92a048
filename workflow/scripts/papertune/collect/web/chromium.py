"""One process of headless Chromium: start it, limit its time and memory, end it."""

import logging
import os
import re
import signal
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import getproxies

import psutil

from papertune.collect.web.installed import find_browser
from papertune.collect.web.pauses import one_of
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.way_out import USER, WayOut

log = logging.getLogger("papertune")

# added to Playwright's; WebRTC would bypass the HTTP proxy, and its policy has two names
FLAGS = """
disable-gpu disable-quic disable-notifications deny-permission-prompts disable-crash-reporter
webrtc-ip-handling-policy=disable_non_proxied_udp blink-settings=imagesEnabled=false
force-webrtc-ip-handling-policy=disable_non_proxied_udp
"""
# removed from Playwright's: they let a page open others, and change its url endlessly
NOT_WANTED = ("--disable-popup-blocking", "--disable-ipc-flooding-protection")
# no user can answer a page's dialogs; WebRTC opens ports to all networks, whatever its policy
QUIET = (
    "window.alert = window.print = () => {}; window.confirm = () => false;"
    "window.prompt = window.open = () => null;"
    "delete window.RTCPeerConnection; delete window.webkitRTCPeerConnection"
)
HOW_TO_GET_ONE = (
    "install Chromium (Debian: apt-get install chromium; or name another in PAPERTUNE_CHROMIUM), "
    "then snakemake --forcerun render_documents"
)
START = 60.0  # seconds to start: on a busy machine that takes longer than a page
LOOK = 0.25  # seconds between two looks at the browser's memory


class BrowserMissing(Exception):
    """There is no browser, or it does not start; the text says which."""


class Chromium:
    """A running browser; at most ``fetching.browsers`` run at a time.

    It is controlled through a pipe: a port could be used by every account of the machine. All its
    requests go through a :class:`WayOut`, so it reaches no private address. If the environment
    names a proxy, that resolves the names, and only the urls can be checked.

    Like Playwright's objects, it belongs to the thread that made it; only ``end`` may be called
    from any thread. Raises BrowserMissing if it does not start.
    """

    sandboxed = True  # until one has started only without its sandbox

    def __init__(self, session: PoliteSession) -> None:
        from playwright.sync_api import Error, sync_playwright

        binary, fetching = find_browser(), session.fetching
        if binary is None:
            raise BrowserMissing("no Chromium on this machine")
        self.pages = 0
        self.awaited: set[Any] = set()  # the page's pending requests
        self.deadline = float("inf")  # monotonic time at which a hanging page is ended
        self.ended_for = ""  # "memory", "time" or "closed", once it has been ended
        with ExitStack() as stack:
            places = one_of(session.pauses.folder, "browser", fetching.browsers, session.check)
            stack.enter_context(places)
            folder = TemporaryDirectory(prefix="papertune-browser-", ignore_cleanup_errors=True)
            self.profile = Path(stack.enter_context(folder))  # private: its mode is 0700
            (own := self.profile / "Default" / "Preferences").parent.mkdir()
            own.write_text('{"plugins": {"always_open_pdf_externally": true}}')  # as a download
            # no proxy knows the servers of this process
            proxies = {} if session.hosts else getproxies()
            self.proxy = WayOut(session.allowed_hosts, fetching.timeout, proxies)
            stack.callback(self.proxy.close)
            flags = (*FLAGS.split(), f"user-agent={session.user_agent}")
            no_names = "host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
            try:
                playwright = sync_playwright().start()
                stack.callback(playwright.stop)
                self.context = _started(
                    playwright.chromium,
                    user_data_dir=self.profile,
                    executable_path=binary,  # not one that Playwright would download
                    args=[f"--{flag}" for flag in (*flags, no_names)],
                    ignore_default_args=NOT_WANTED,
                    env={**os.environ, "TMPDIR": str(self.profile)},
                    artifacts_dir=self.profile / "artifacts",
                    accept_downloads=False,
                    no_viewport=True,
                    proxy={
                        "server": f"http://127.0.0.1:{self.proxy.server_port}",
                        "bypass": "<-loopback>",  # else requests to loopback bypass the proxy
                        **{"username": USER, "password": self.proxy.secret},
                    },
                    timeout=START * 1000,
                )
                self.context.add_init_script(QUIET)
                told = self.context.browser.new_browser_cdp_session()
                found = told.send("SystemInfo.getProcessInfo")["processInfo"]
                (main,) = (process["id"] for process in found if process["type"] == "browser")
                self._leader = psutil.Process(os.getpgid(main))
                self._driver = self._leader.parent()
            except (Error, OSError) as error:
                raise BrowserMissing(f"{binary} does not start ({said(error)})") from None
            stack.callback(self.end, "closed")
            # ends the browser and all its processes; it need not be alive
            self.close = stack.pop_all().close
        threading.Thread(
            target=self._watch,
            args=(fetching.browser_megabytes,),
            name="browser-watch",
            daemon=True,
        ).start()

    def open(self, url: str) -> bool:
        """Open a url in a new page and close those before; returns whether it loaded in time.

        Raises Playwright's Error.
        """
        from playwright.sync_api import TimeoutError as Late

        # pages left or opened by the page before must not be taken for this one
        for page in self.context.pages[1:]:  # with the last one the browser would end
            page.close()
        self.page, self.proxy.refused = self.context.new_page(), None
        self.awaited = awaited = set[Any]()

        def navigated(frame: Any) -> None:
            if frame.parent_frame is None:  # the requests of the page before are over
                awaited.clear()

        self.page.on("request", lambda request: awaited.add(request))
        for over in ("requestfinished", "requestfailed"):
            self.page.on(over, lambda request: awaited.discard(request))
        self.page.on("framenavigated", navigated)
        left, start = self.proxy.patience, time.monotonic()
        with suppress(Late):
            self.page.goto(url, wait_until="commit", timeout=left * 1000)
            # pictures and advertisements are not waited for
            left = max(left + start - time.monotonic(), 0.001)
            self.page.wait_for_load_state("domcontentloaded", timeout=left * 1000)
            return True
        return False

    def shown(self) -> tuple[str, str]:
        """The page's current HTML and its url; raises Playwright's Error."""
        from playwright.sync_api import Error

        html = ""
        try:
            html = self.page.content()
        except Error as error:
            if "is navigating" not in said(error):
                raise
        if self.page.url.startswith("chrome-error:"):
            raise Error("net::ERR_FAILED: the page leads to one that does not load")
        return html, self.page.url

    def megabytes(self) -> float:
        """The memory of the browser's processes in MB (10⁶ bytes), shared memory counted once."""
        private, shared = 0, 0
        with suppress(psutil.Error):
            for process in (self._driver, *self._driver.children(recursive=True)):
                with suppress(psutil.Error):
                    memory = process.memory_info()
                    private += memory.rss - memory.shared
                    shared = max(shared, memory.shared)
        return (private + shared) / 1e6

    def _watch(self, most: float) -> None:
        """End a browser that uses more than ``most`` MB, or whose page hangs."""
        while not self.ended_for:
            time.sleep(LOOK)
            late = time.monotonic() > self.deadline
            if late or self.megabytes() > most:
                self.end("time" if late else "memory")

    def end(self, why: str) -> None:
        """Kill the browser, even during a page; ``close`` must still be called."""
        self.ended_for = self.ended_for or why
        with suppress(ProcessLookupError):
            if self._leader.is_running():  # its process id has not been reused
                os.killpg(self._leader.pid, signal.SIGKILL)


def _started(chromium: Any, **how: Any) -> Any:
    """Start Chromium in its sandbox; without it if it cannot start so (root, some containers)."""
    from playwright.sync_api import Error

    try:
        return chromium.launch_persistent_context(chromium_sandbox=Chromium.sandboxed, **how)
    except Error as error:
        if not Chromium.sandboxed:
            raise
        why = said(error)
    context = chromium.launch_persistent_context(chromium_sandbox=False, **how)
    log.warning("Chromium runs without its sandbox, in which it does not start (%s)", why)
    Chromium.sandboxed = False
    return context


def said(error: BaseException) -> str:
    """An error of Playwright in one line; the browser's last line if it did not start."""
    text = str(error) or type(error).__name__
    return next(reversed(re.findall(r"\[err\] (?:\[\S+\] )?(.*)", text)), text.split("\n")[0])
