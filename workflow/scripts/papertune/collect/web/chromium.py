"""One run of headless Chromium: how it is started, watched and ended."""

import ipaddress
import json
import os
import selectors
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import psutil

from papertune.collect.web.addresses import Allowed, PrivateAddress
from papertune.collect.web.pauses import one_of
from papertune.collect.web.session import PoliteSession

# no sandbox: containers and root have no user namespaces to build one with; no breakpad: its handler
# outlives the browser
FLAGS = """
headless=new no-sandbox disable-gpu disable-quic disable-dev-shm-usage no-first-run
no-default-browser-check disable-background-networking disable-component-update disable-default-apps
disable-sync disable-extensions disable-notifications deny-permission-prompts disable-breakpad
disable-crash-reporter force-webrtc-ip-handling-policy=disable_non_proxied_udp
blink-settings=imagesEnabled=false
disable-features=HttpsUpgrades,Translate,MediaRouter,OptimizationHints
"""
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
# RFC 1928
SOCKS, CONNECT, NO_PASSWORD = 5, 1, 0
IPV4, NAME, IPV6 = 1, 3, 4
GRANTED, FORBIDDEN, UNREACHABLE, NO_SUCH_COMMAND = 0, 2, 4, 7
LOOK = 0.25  # seconds between two looks at the browser's memory


class BrowserMissing(Exception):
    """There is no browser, or it does not start; the text says which."""


def find_browser() -> tuple[str, str] | None:
    """Chromium and its driver: as the environment says, else on the path; None where one lacks."""
    named = os.environ.get("PAPERTUNE_CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome") if named is None else (named,)
    binary = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which(os.environ.get("PAPERTUNE_CHROMEDRIVER") or "chromedriver")
    if binary and not driver:
        driver = shutil.which("chromedriver", path=str(Path(binary).resolve().parent))
    return (binary, driver) if binary and driver else None


class Chromium:
    """A running browser with its driver; it has one of ``fetching.browsers`` places.

    All that it asks for goes through a :class:`SocksProxy`, so it reaches no private address. Where
    the environment names a proxy, that resolves the names, and only what urls say can be judged; a
    page that a redirect leads there is asked of the proxy, and refused once it has come. Raises
    BrowserMissing where it does not start.
    """

    def __init__(self, session: PoliteSession) -> None:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException

        found, fetching = find_browser(), session.fetching
        if found is None:
            raise BrowserMissing("no Chromium with its driver on this machine")
        self.pages = 0
        self._asked: dict[str, str] = {}  # by the page that each request is of
        self.deadline = float("inf")  # on the monotonic clock; the watch ends a page that hangs
        self.ended_for = ""  # "memory" or "time", once the watch has ended it
        self.proxy: SocksProxy | None = None
        self._most, self._closing = fetching.browser_megabytes, threading.Event()
        with ExitStack() as stack:
            places = one_of(session.pauses.folder, "browser", fetching.browsers, session.check)
            stack.enter_context(places)
            options = webdriver.ChromeOptions()
            options.binary_location, driver = found
            options.page_load_strategy = "eager"  # pictures and advertisements are not waited for
            options.unhandled_prompt_behavior = "dismiss"
            options.set_capability("goog:loggingPrefs", {"performance": "ALL"})  # for its requests
            # to the driver on this machine; deprecated in 4.51, which has no other way there
            options.ignore_local_proxy_environment_variables()
            options.add_experimental_option("prefs", PREFERENCES)
            options.add_experimental_option("excludeSwitches", ["disable-popup-blocking"])
            profile = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="papertune-browser-", ignore_cleanup_errors=True)
            )
            own = (f"user-data-dir={profile}", f"user-agent={session.user_agent}")
            for flag in (*FLAGS.split(), *self._way_out(session, stack), *own):
                options.add_argument(f"--{flag}")
            # explicit paths: Selenium's own manager would go and download
            self._service = webdriver.ChromeService(driver, popen_kw={"start_new_session": True})
            stack.callback(self._end_all)
            try:
                self.driver = webdriver.Chrome(options=options, service=self._service)
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
                raise BrowserMissing(f"{found[0]} does not start ({said(error)})") from None
            # it ends the browser when this process is killed, until the browser is closed
            guard = subprocess.Popen(
                ["sh", "-c", f"read _; [ $? = 0 ] || kill -9 -{self._service.process.pid}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            stack.callback(guard.communicate, b"\n", timeout=5)
            stack.callback(self._quit)
            # ends the browser and all its processes; it need not be alive
            self.close = stack.pop_all().close
        threading.Thread(target=self._watch, name="browser-watch", daemon=True).start()

    def _way_out(self, session: PoliteSession, stack: ExitStack) -> list[str]:
        proxies = getproxies()
        ways = [f"{kind}={proxies[kind]}" for kind in ("http", "https") if kind in proxies]
        if ways and not session.hosts:
            # who is allowed by name may be a neighbour that the proxy does not know
            direct = ";".join(["<-loopback>", *session.fetching.allow_hosts])
            return [f"proxy-server={';'.join(ways)}", f"proxy-bypass-list={direct}"]
        self.proxy = SocksProxy(session.allowed_hosts, session.fetching.timeout)
        stack.callback(self.proxy.close)
        return [
            f"proxy-server=socks5://127.0.0.1:{self.proxy.port}",
            "proxy-bypass-list=<-loopback>",  # by itself it would ask this machine past the proxy
            "host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
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

    def waits(self) -> bool:
        """Whether the page has asked for something that has not come yet."""
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            told, frame = event["params"], event["params"].get("frame", {})
            match event["method"]:
                case "Network.requestWillBeSent":
                    self._asked[told["requestId"]] = told["loaderId"]
                case "Network.loadingFinished" | "Network.loadingFailed":
                    self._asked.pop(told["requestId"], None)
                case "Page.frameNavigated" if "parentId" not in frame:  # another page's are over
                    ours = {key: of for key, of in self._asked.items() if of == frame["loaderId"]}
                    self._asked = ours
        return bool(self._asked)

    def _watch(self) -> None:
        """End a browser that takes too much memory, or whose page neither loads nor fails."""
        while not (self.ended_for or self._closing.wait(LOOK)):
            late = time.monotonic() > self.deadline
            if late or self.megabytes() > self._most:
                self.ended_for = "time" if late else "memory"
                self._kill()

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

    def _kill(self) -> bool:
        """Whether there was anything to kill."""
        processes = self._processes()
        for process in processes:
            with suppress(psutil.Error):
                process.kill()
        return bool(processes)

    def _quit(self) -> None:
        self._closing.set()
        if not self.ended_for:
            with suppress(Exception):  # a dead browser cannot be told to stop
                self.driver.quit()

    def _end_all(self) -> None:
        self._kill()
        with suppress(Exception):  # takes note of the driver's end
            self._service.stop()
        end = time.monotonic() + 5
        while self._kill() and time.monotonic() < end:
            time.sleep(0.02)


def said(error: BaseException) -> str:
    """The first line of what Selenium says; stack traces of the browser follow it."""
    return (getattr(error, "msg", None) or str(error) or type(error).__name__).split("\n")[0]


class SocksProxy(socketserver.ThreadingTCPServer):
    """The browser's way out: a proxy on loopback that judges every address before it connects.

    A page may load, redirect to or connect to anything, over HTTP, TLS or WebSocket. Chromium leaves
    names to a SOCKS proxy to resolve, so nothing that it asks for passes by what is judged here. It
    runs until it is closed; ``timeout`` are seconds to connect.
    """

    daemon_threads = True
    block_on_close = False  # a browser may keep connections open
    request_queue_size = 64

    def __init__(self, allowed: Allowed, timeout: float) -> None:
        self.allowed, self.patience = allowed, timeout
        self.refused: PrivateAddress | None = None  # the last one; whoever asks forgets it before
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Let nothing through any more."""
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A browser that hangs up is no error."""


class _Handler(socketserver.StreamRequestHandler):
    server: SocksProxy

    def handle(self) -> None:
        _, methods = self._read(2)
        self._read(methods)
        self.request.sendall(bytes([SOCKS, NO_PASSWORD]))
        _, command, _, kind = self._read(4)
        if kind == NAME:
            host = self._read(self._read(1)[0]).decode("ascii", "replace")
        else:
            host = str(ipaddress.ip_address(self._read(4 if kind == IPV4 else 16)))
        port = int.from_bytes(self._read(2), "big")
        if command != CONNECT:
            return self._answer(NO_SUCH_COMMAND)
        try:
            there = self.server.allowed.connect(host, port, self.server.patience)
        except PrivateAddress as error:
            self.server.refused = error
            return self._answer(FORBIDDEN)
        except OSError:
            return self._answer(UNREACHABLE)
        with there:
            self._answer(GRANTED)
            there.settimeout(None)
            _pass_on(self.request, there)

    def _read(self, count: int) -> bytes:
        data = self.rfile.read(count)
        if len(data) < count:
            raise ConnectionError("the browser hung up")
        return data

    def _answer(self, status: int) -> None:
        self.request.sendall(bytes([SOCKS, status, 0, IPV4, 0, 0, 0, 0, 0, 0]))


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Both ways, until both have ended or one breaks."""
    with selectors.DefaultSelector() as selector, suppress(OSError):
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while selector.get_map():
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if data:
                    key.data.sendall(data)
                else:
                    selector.unregister(key.fileobj)
                    key.data.shutdown(socket.SHUT_WR)
