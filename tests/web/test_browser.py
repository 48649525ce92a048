"""The browser of collecting against real pages with real faults, with a real Chromium."""

import json
import multiprocessing
import os
import signal
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from loopback import ABSTRACT, landing, serving, trickle
from papertune.collect.web import browser as browser_module
from papertune.collect.web.browser import Browser
from papertune.collect.web.chromium import BrowserMissing, Chromium
from papertune.collect.web.installed import find_browser
from papertune.collect.web.transport import HostStopped, PageError
from papertune.jobs import stopping
from processes import busy

missing = pytest.mark.skipif(not find_browser(), reason="no Chromium on this machine")
pytestmark = [missing, pytest.mark.browser, pytest.mark.slow]


HANGS = "<p>x</p><script>setTimeout(() => { while (true); }, 50)</script>"


def late(abstract: str = ABSTRACT, before: str = "") -> str:
    """A page whose script writes the abstract."""
    return (
        f"<title>x</title><div id=abstract></div><script>{before};setTimeout(() => {{ document."
        f"getElementById('abstract').textContent = {json.dumps(abstract)} }}, 100)"
        "</script>"
    )


def processes() -> list[int]:
    """Living processes of browsers, and of who drives them, that this test has started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("PAPERTUNE_TEST") == os.environ["PAPERTUNE_TEST"]
            theirs = any(name in process.exe() for name in ("chrom", "playwright"))
            if ours and theirs and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch):
    monkeypatch.setenv("PAPERTUNE_TEST", uuid.uuid4().hex)
    yield
    end = time.monotonic() + 5 * busy()
    while processes() and time.monotonic() < end:
        time.sleep(0.02)  # the reaper may be late
    assert not processes(), "processes of the browser are left"


@pytest.fixture
def opened(polite):
    """Open browsers; closed in the end."""

    def make(patience: float = 1.5, **changes) -> Browser:
        session = polite(**{"timeout": 20, **changes})
        return stack.enter_context(Browser(session, patience=patience))

    with ExitStack() as stack:
        yield make


def reason(browser: Browser, url: str) -> str:
    with pytest.raises(PageError) as caught:
        browser.abstract(url)
    return caught.value.reason


def lives(browser: Browser, site) -> bool:
    """Whether it renders another page."""
    found = browser.abstract(site.page("/next", late("Next " + ABSTRACT)))
    return found == ("Next " + ABSTRACT, "section")


def test_it_keeps_the_sessions_manners_wherever_it_is_led(site, opened):
    browser = opened()
    site.page("/robots.txt", "User-agent: *\nDisallow: /closed\n")
    closed = site.page("/closed", late())
    assert browser.abstract(site.page("/late", late())) == (ABSTRACT, "section")
    assert {one.headers["User-Agent"] for one in site.asked if one.target == "/late"} == {
        "Papertune/0.1 (+tests@example.org)"
    }
    led = [
        site.page("/a", "", 302, Location="/closed"),
        site.page("/b", "<p>x</p><script>location = '/closed'</script>"),
        site.page("/c", "", 302, Location=closed.replace("127.0.0.1", "localhost")),
    ]
    assert [reason(browser, url) for url in (closed, *led)] == ["robots"] * 4
    assert browser.abstract(site.page("/d", "", 302, Location="/late"))
    assert browser.abstract(site.page("/bare", "<p>nothing</p>")) is None
    wall = "<title>Just a moment...</title><script>window._cf_chl_opt={}</script>"
    with pytest.raises(HostStopped, match="challenge"):
        browser.abstract(site.page("/wall", wall))
    assert browser.starts == 1, "one browser for all pages"


def test_it_comes_back_to_life_between_pages_and_in_the_middle_of_one(site, opened):
    browser = opened(patience=5)
    assert lives(browser, site)
    browser._running._leader.kill()  # all others of the browser belong to it
    assert lives(browser, site)
    browser._running._driver.kill()
    assert lives(browser, site)
    assert browser.starts == 3

    def kill(handler):
        if site.requests["/bad"] == 1:
            os.killpg(browser._running._leader.pid, signal.SIGKILL)
        return 200, {"Content-Type": "text/html"}, late("Again " + ABSTRACT).encode()

    site.answers["/bad"] = kill
    assert browser.abstract(site.url("/bad")) == ("Again " + ABSTRACT, "section")
    site.answers["/worse"] = lambda _: os.killpg(browser._running._leader.pid, signal.SIGKILL)
    assert reason(browser, site.url("/worse")) == "browser_died"
    assert lives(browser, site)


def test_threads_share_one_browser_which_starts_afresh_after_so_many_pages(site, opened):
    urls = [site.page(f"/{number}", late(f"{ABSTRACT} {number}.")) for number in range(5)]
    browser = opened(browser_pages=2)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(browser.abstract, urls)
    assert [text for text, _ in found] == [f"{ABSTRACT} {number}." for number in range(5)]
    assert browser.starts == 3


def test_how_fast_a_server_answers_does_not_change_what_a_page_says(site, opened):
    def after(seconds: float):
        def answer(handler):
            time.sleep(seconds)
            return 200, {"Content-Type": "text/plain"}, ABSTRACT.encode()

        return answer

    def asks(path: str) -> str:
        return (
            f"<p>x</p><div id=abstract></div><script>fetch('{path}').then(answer => answer.text())"
            ".then(text => { document.getElementById('abstract').textContent = text })</script>"
        )

    site.answers["/slow"], site.answers["/never"] = after(3), after(12)
    browser = opened(patience=0.5, timeout=6)
    assert browser.abstract(site.page("/asks", asks("/slow"))) == (ABSTRACT, "section")
    assert reason(browser, site.page("/waits", asks("/never"))) == "timeout"
    left = f"{asks('/never')}<script>setTimeout(() => {{ location = '/bare' }}, 200)</script>"
    site.page("/bare", "<p>nothing</p>")
    assert browser.abstract(site.page("/left", left)) is None, "what it left is not waited for"
    assert lives(browser, site)


def test_a_page_opens_no_other_and_downloads_no_file(site, opened, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    named = {"Content_Disposition": "attachment; filename=secret.bin"}
    files = [site.page("/file", "x" * 1000, **named)]
    files += [site.page("/paper.pdf", "%PDF-1.4\n", Content_Type="application/pdf")]
    click = "const a=document.createElement('a');a.href='/file';a.download='secret.bin';a.click()"
    pops = (
        "for (let n = 0; n < 5; n++) window.open('/other?' + n);"
        "window.addEventListener('load', () => { window.open('/other?load');"
        "const a = document.createElement('a'); a.href = '/other?a'; a.target = '_blank';"
        "document.body.append(a); a.click() });"
        "alert('look'); confirm('here'); window.onbeforeunload = () => 'stay'"
    )
    browser = opened()
    assert lives(browser, site)
    # and what is there is not the page before
    assert [reason(browser, url) for url in files] == ["not_html"] * 2
    for number, script in enumerate((click, pops)):
        url = site.page(f"/does{number}", late(before=script))
        assert browser.abstract(url) == (ABSTRACT, "section")
    assert lives(browser, site)
    pages = browser._thread.submit(lambda: browser._running.context.pages).result()
    assert len(pages) == 2, "its own empty one, and the last"
    assert not [path for path in site.requests if path.startswith("/other")]
    assert browser.starts == 1
    for folder in (tmp_path, browser._running.profile):
        assert not [*folder.rglob("*secret*"), *folder.rglob("*.crdownload")]


def test_a_page_that_never_ends_loading_and_a_script_that_never_ends(site, opened, monkeypatch):
    def endless(handler):
        handler.begin({"Content-Type": "text/html"})
        handler.wfile.write((handler.path.startswith("/with") and landing().encode()) or b"<p>wait")
        trickle(handler, " " * 600)

    monkeypatch.setattr(browser_module, "SLACK", 1.0)
    site.answers["/bare"] = site.answers["/with"] = endless
    browser = opened(timeout=2)
    start = time.monotonic()
    assert reason(browser, site.url("/bare")) == "timeout"
    assert browser.abstract(site.url("/with")) == (ABSTRACT, "section"), "what is there may do"
    assert lives(browser, site)
    assert reason(browser, site.page("/hangs", HANGS)) == "timeout"
    assert time.monotonic() - start < 40 * busy()
    assert lives(browser, site)


def test_a_page_that_eats_memory_is_ended_and_the_next_one_starts_afresh(site, opened):
    eats = (
        "<p>x</p><script>const kept = []; setInterval(() => {"
        "const more = new Uint8Array(50e6); more.fill(1); kept.push(more) }, 20)</script>"
    )
    browser = opened(patience=30, browser_megabytes=1000)
    assert lives(browser, site)
    start = time.monotonic()
    assert reason(browser, site.page("/eats", eats)) == "browser_memory"
    assert time.monotonic() - start < 20 * busy(), "the watch came late"
    assert lives(browser, site)
    assert browser.starts == 2


# ---- private addresses ------------------------------------------------------------------------


@pytest.fixture
def secrets():
    """A server at an address that is not allowed, which any page may read."""
    headers = {"Access-Control-Allow-Origin": "*"}
    with serving((200, headers, landing("Secret " + ABSTRACT)), "127.0.0.2") as server:
        yield server


def test_it_is_led_to_no_private_address(site, opened, secrets):
    private = secrets.url()
    led = [
        f"{private}/asked",
        site.page("/a", "", 302, Location=f"{private}/led"),
        site.page("/b", "", 302, Location="http://169.254.169.254/"),
        site.page("/c", f"<p>x</p><script>location = '{private}/script'</script>"),
        site.page("/d", f"<meta http-equiv=refresh content='0; url={private}/refresh'><p>x</p>"),
    ]
    browser = opened()
    assert [reason(browser, url) for url in led] == ["private_address"] * 5
    assert not secrets.asked
    assert lives(browser, site)
    assert browser.starts == 1


def test_its_pages_reach_no_private_address(site, opened, secrets):
    private = secrets.url().replace("127.0.0.2", "0x7f.0.0.2")  # in any form
    ws = private.replace("http", "ws")
    udp = socket.socket(type=socket.SOCK_DGRAM)
    udp.bind(("127.0.0.2", 0))
    there = f"127.0.0.2:{udp.getsockname()[1]}"
    page = (
        f"<title>x</title><div id=abstract></div><iframe src='{private}/frame'></iframe>"
        f"<link rel=stylesheet href='{private}/style'><img src='{private}/image'>"
        f"<script src='{private}/code'></script><script>"
        f"fetch('{private}/fetch', {{mode: 'no-cors'}}).catch(() => 0);"
        f"new WebSocket('{ws}/socket'); navigator.sendBeacon('{private}/beacon', 'x');"
        f"new EventSource('{private}/events'); new Image().src = '{private}/late';"
        f"try {{ const peer = new RTCPeerConnection({{iceServers: [{{urls: 'stun:{there}'}}]}});"
        "peer.createDataChannel('x'); peer.createOffer().then(o => peer.setLocalDescription(o)); }"
        "catch (error) {}"
        f"new WebTransport('https://{there}/').ready.catch(() => 0);"
        "setTimeout(() => { document.getElementById('abstract').textContent = "
        f"{json.dumps(ABSTRACT)} }}, 700)</script>"
    )
    browser = opened(patience=4)
    assert browser.abstract(site.page("/a", page)) == (ABSTRACT, "section")
    assert browser._running.proxy.refused
    assert not secrets.asked
    browser.close()
    # the same page reaches it where it is allowed: the test would see it
    allowed = opened(patience=4, allow_hosts=["127.0.0.1", "127.0.0.2"])
    allowed.abstract(site.page("/a", page))
    assert {"/frame", "/style", "/code", "/fetch"} <= set(secrets.paths)
    assert not {"/image", "/late"} & set(secrets.paths), "pictures are not asked for"
    # what goes by no proxy goes nowhere, allowed or not
    with udp, pytest.raises(BlockingIOError):
        udp.recv(1, socket.MSG_DONTWAIT)


def test_behind_a_proxy_no_written_private_address_is_asked(site, opened, secrets, monkeypatch):
    private = secrets.url()
    monkeypatch.setenv("http_proxy", site.url(""))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    page = late(before=f"fetch('{private}/fetch', {{mode: 'no-cors'}}).catch(() => 0)")
    site.page("http://outside.example/a", page)
    site.page("http://outside.example/b", "", 302, Location=f"{private}/led")
    browser = opened()
    assert browser.abstract("http://outside.example/a") == (ABSTRACT, "section")
    assert reason(browser, "http://outside.example/b") == "private_address"
    assert not secrets.asked
    assert not [path for path in site.requests if "127.0.0.2" in path], "nor is the proxy"


# ---- other accounts, places and ends ----------------------------------------------------------


def as_nobody(port: int, requests: list[str]) -> list[str]:
    """What another account of this machine is answered at a port of it."""

    def ask():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        for request in requests:
            with socket.create_connection(("127.0.0.1", port), 5) as there:
                there.sendall(f"{request}\r\n\r\n".encode())
                answers.put(there.makefile().read())

    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    process = fork.Process(target=ask)
    process.start()
    found = [answers.get(timeout=20) for _ in requests]
    process.join()
    return found


def test_no_page_opens_a_port_to_all_networks(site, opened):
    """WebRTC would, in any frame and by either name, whatever policy it is told."""
    use = (
        "function use(its, name) { fetch('/asked-' + name); for (const kind of ['RTC', 'webkitRTC'])"
        " try { const peer = new its[kind + 'PeerConnection'](); peer.createDataChannel('x');"
        " peer.createOffer().then(o => peer.setLocalDescription(o)); fetch('/opened-' + name) }"
        " catch (e) {} }"
    )
    site.page("/inner", f"<p>x</p><script>{use}; use(window, 'inner')</script>")
    elsewhere = site.url("/inner").replace("127.0.0.1", "localhost")
    page = late(before=(
        f"{use}; use(window, 'top'); const frames = {{blank: '', srcdoc: '', own: '/inner',"
        f" cross: '{elsewhere}', blob: URL.createObjectURL(new Blob(['<p>x</p>'], {{type:"
        " 'text/html'}))}; for (const [name, src] of Object.entries(frames)) { const frame ="
        " document.createElement('iframe'); if (src) frame.src = src; if (name == 'srcdoc')"
        " frame.srcdoc = '<p>x</p>'; if (name != 'cross') frame.onload = () => use("
        "frame.contentWindow, name); document.documentElement.append(frame);"
        " if (!src) use(frame.contentWindow, name) }"
    ))  # fmt: skip
    found: set[str] = set()

    def look(handler):
        for _ in range(10):  # as long as the page waits for this
            time.sleep(0.1)
            for process in psutil.Process().children(recursive=True):
                every = process.net_connections()
                found.update(str(one.laddr) for one in every if one.type == socket.SOCK_DGRAM)
        return 200, {}, ""

    site.answers["/look"] = look
    browser = opened(patience=4, allow_hosts=["127.0.0.1", "localhost"])
    site.page("/a", f"{page}<script src=/look></script>")
    assert browser.abstract(site.url("/a"))[0] == ABSTRACT
    names = {"top", "blank", "srcdoc", "own", "blob", "inner"}
    assert {f"/asked-{name}" for name in names} <= set(site.requests)
    assert not found and not [path for path in site.requests if path.startswith("/opened")]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another account")
def test_another_account_gets_nothing_while_a_page_is_rendered(site, opened, secrets):
    told, me = {}, psutil.Process()

    def ports(processes: list[psutil.Process]) -> set[int]:
        return {
            where.laddr.port
            for process in processes
            for where in process.net_connections()
            if where.status == psutil.CONN_LISTEN
        }

    before = ports([me])  # of servers that other tests in this process have left

    def look(handler):
        proxy, driver = browser._running.proxy, browser._running._driver
        every = [me, driver, *driver.children(recursive=True)]
        told["ports"] = ports(every) - before
        told["own"], told["profile"] = {proxy.server_port}, browser._running.profile
        listening = [
            line.split()[-1]
            for line in Path("/proc/net/unix").read_text().splitlines()
            if line.split()[3] == "00010000"
        ]
        told["sockets"] = {
            where.laddr
            for process in (driver, *driver.children(recursive=True))
            for where in process.net_connections("unix")
            if where.laddr in listening
        }
        told["said"] = [line for process in every for line in process.cmdline()]
        given = "Proxy-Authorization: Basic cGFwZXJ0dW5lOg=="  # papertune, and no secret
        asked = [f"CONNECT 127.0.0.1:{secrets.port} HTTP/1.1", f"GET {site.url('/x')} HTTP/1.1"]
        told["answers"] = as_nobody(
            proxy.server_port, [*asked, *(f"{one}\r\n{given}" for one in asked), "NEW /x HTTP/1.1"]
        )
        return 200, {"Content-Type": "text/html"}, late().encode()

    site.answers["/look"] = look
    browser = opened()
    assert browser.abstract(site.url("/look")) == (ABSTRACT, "section")
    assert told["ports"] == told["own"]
    assert [answer.split()[1] for answer in told["answers"]] == ["407"] * 5
    assert set(site.requests) <= {"/robots.txt", "/look", "/favicon.ico"} and not secrets.asked
    assert told["profile"].stat().st_mode & 0o777 == 0o700
    outside = {path for path in told["sockets"] if not path.startswith(str(told["profile"]))}
    assert not outside
    assert not [line for line in told["said"] if browser._running.proxy.secret in line]


def test_it_gives_up_its_sandbox_only_where_it_does_not_start_in_it(
    site, opened, tmp_path, monkeypatch, caplog
):
    """A machine that has no sandbox says so once; one that has keeps it."""
    started, wrapper = tmp_path / "started", tmp_path / "chromium"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {started}\nexec {find_browser()} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PAPERTUNE_CHROMIUM", str(wrapper))
    monkeypatch.setattr(Chromium, "sandboxed", True)
    browser = opened(browser_pages=1)
    assert lives(browser, site) and lives(browser, site)
    tried = ["--no-sandbox" in line for line in started.read_text().splitlines()]
    said = [one for one in caplog.messages if "without its sandbox" in one]
    assert (tried, len(said)) in (([False, True, True], 1), ([False, False], 0))


@pytest.mark.parametrize("page", [late(), HANGS])
def test_a_killed_job_leaves_no_browser(site, polite, page):
    def job():
        Browser(polite(timeout=20)).abstract(url)
        time.sleep(60)

    url = site.page("/late", page)
    process = multiprocessing.get_context("fork").Process(target=job)
    process.start()
    while not (site.requests["/late"] and processes()):
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    process.join()
    # what is left of it is seen by every test, see nothing_is_left


def test_a_job_that_is_to_end_waits_for_no_page(site, polite):
    session = polite(timeout=20)
    with Browser(session, patience=20) as browser:
        assert lives(browser, site)
        threading.Timer(1, session.close).start()
        start = time.monotonic()
        with pytest.raises(stopping.Interrupted):
            browser.abstract(site.page("/hangs", HANGS))
    assert time.monotonic() - start < 4 * busy()


def test_a_browser_takes_a_place_as_long_as_it_runs(polite, monkeypatch, tmp_path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho it is torn >&2; exit 1\n")
    broken.chmod(0o755)
    session = polite(timeout=0.001)  # a page's: a start may take longer
    with monkeypatch.context() as patched:
        patched.setenv("PAPERTUNE_CHROMIUM", str(broken))
        with pytest.raises(BrowserMissing, match=r"does not start \(it is torn\)"):
            Chromium(session)
    started = Chromium(session)
    assert started.megabytes() > 50
    # it has the one place that there is: others wait, or are told to stop
    waiting = polite(browsers=1)
    waiting.close()
    with pytest.raises(stopping.Interrupted):
        Chromium(waiting)
    started.close()
    assert started.megabytes() == 0
