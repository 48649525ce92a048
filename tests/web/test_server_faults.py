"""Faults of sites: what the document's record says, and that the others are none the worse."""

import gzip
import itertools
import json
import subprocess
import sys
import time
import zlib
from email.utils import formatdate

import pytest
from collecting import Steps

from loopback import ABSTRACT, landing, reset, trickle
from papertune.collect.web import sites as sites_module
from papertune.collect.web.transport import PageError
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.listings import DblpApiSource
from snakemake_run import ROOT

HTML = {"Content-Type": "text/html"}


@pytest.fixture
def study(tmp_path, fetching):
    return Steps(tmp_path, fetching.model_copy(update={"retries": 0, "timeout": 0.5}))


@pytest.fixture
def around(site, study):
    """Fetch a bad page between two good ones; returns its document."""

    def fetch(url: str, **changes) -> Document:
        first, last = site.page("/first", landing()), site.page("/last", landing("So " + ABSTRACT))
        done = study.fetch_urls(first, url, last, **changes)
        assert (done[first].text, done[last].text) == (ABSTRACT, "So " + ABSTRACT)
        return done[url]

    return fetch


# ---- faults that pass ------------------------------------------------------------------------


def cut_off(headers, body=b"", end=None):
    """A fault: the head and the beginning of an answer, and then nothing, or what ends it."""

    def fault(handler):
        handler.begin({"Content-Type": "text/html", **headers})
        handler.wfile.write(body or landing().encode())
        handler.wfile.flush()
        if end:
            end(handler)

    return fault


def no_http(handler):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


PACKED = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
HALF_A_GZIP = gzip.compress((landing() + "x" * 5000).encode())[:-30]


def never(handler):
    time.sleep(5)
    return 200, HTML, b"late"


def slow_body(handler):
    handler.begin(HTML)
    trickle(handler, landing() * 10)


def slow_head(handler):
    trickle(handler, "HTTP/1.1 200 OK\r\n" + "X-Slow: yes\r\n" * 90)


TRUNCATED = cut_off({"Content-Length": str(len(landing()) + 100)})
HALF_A_CHUNK = cut_off({"Transfer-Encoding": "chunked"}, b"ffff\r\n" + landing().encode())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (reset, "connection"),
        (cut_off({"Content-Length": "5000"}, end=reset), "connection"),
        (TRUNCATED, "connection"),
        (HALF_A_CHUNK, "connection"),
        (no_http, "connection"),
        ((200, PACKED, landing()), "connection"),
        ((200, PACKED, HALF_A_GZIP), "connection"),
        (never, "timeout"),
        (slow_body, "timeout"),
        (slow_head, "timeout"),
        *(((status, HTML, "x"), f"http_{status}") for status in (500, 502, 503, 408)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_may_pass_is_told_and_asked_again_by_the_next_job(site, study, around, fault, reason):
    site.answers["/bad"] = fault
    start = time.monotonic()
    document = around(site.url("/bad"))
    assert time.monotonic() - start < 10
    assert (document.reason, document.text) == (reason, "")
    kept = (study.folder / "store").rglob("*.jsonl")
    assert document.id not in "".join(path.read_text() for path in kept)
    assert not list((study.folder / "cache").rglob(f"*{document.url}*"))
    before = site.requests.copy()
    site.page("/bad", landing("Now " + ABSTRACT))
    assert study.fetch_urls(*map(site.url, ("/first", "/bad", "/last")))[document.url].text
    before["/bad"] += 1
    before["/robots.txt"] += 1
    assert site.requests == before, "what was there already was asked for again"


@pytest.mark.parametrize(
    ("status", "asked", "least"), [(429, "", 0), (429, "1", 1), (429, "date", 1), (503, "1", 1)]
)
def test_too_many_requests_are_fewer_then(site, around, status, asked, least):
    when = formatdate(time.time() + 3, usegmt=True) if asked == "date" else asked
    headers = {"Retry-After": when} if asked else {}
    url = site.then("/bad", (status, headers, "busy"), (200, {}, landing()))
    assert around(url, retries=1).text == ABSTRACT
    assert site.requests["/bad"] == 2
    # nobody was asked anything in between, this page or another
    pauses = [later - earlier for earlier, later in itertools.pairwise(site.times)]
    assert max(pauses) >= least


def test_429_for_ever_ends_that_host_alone_and_keeps_what_is_done(site, study):
    good = site.page("/good", landing())
    busy = site.page("/busy", "x", 429)
    later = site.page("/later", landing("So " + ABSTRACT))
    elsewhere = site.page("/other", landing("Or " + ABSTRACT)).replace("127.0.0.1", "localhost")
    with pytest.raises(CollectError, match="too many requests") as caught:
        study.fetch_urls(good, busy, later, elsewhere, retries=1)
    assert "2 of 4 documents" in str(caught.value)
    assert (site.requests["/busy"], site.requests["/later"]) == (2, 0)
    assert site.requests["/other"] == 1, "the other host was not asked"
    site.page("/busy", landing("Now " + ABSTRACT))
    assert study.reasons(good, busy, later, elsewhere) == ["", "", "", ""]
    assert site.requests["/good"] == site.requests["/other"] == 1


# ---- redirects -------------------------------------------------------------------------------


def test_a_loop_over_two_hosts_ends(site, around):
    other = site.url("/b").replace("127.0.0.1", "localhost")
    site.page("/b", "", 302, Location=site.url("/a"))
    assert around(site.page("/a", "", 301, Location=other)).reason == "redirects"
    assert site.requests["/a"] + site.requests["/b"] == 11


def test_another_host_has_a_robots_txt_of_its_own(site, around, study):
    def robots(handler):
        here = handler.headers["Host"].startswith("localhost")
        return 200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /b" * here

    site.answers["/robots.txt"] = robots
    site.page("/b", landing("Closed " + ABSTRACT))
    site.page("/c", landing("Open " + ABSTRACT))
    other = site.url("").replace("127.0.0.1", "localhost")
    assert around(site.page("/a", "", 302, Location=f"{other}/b")).reason == "robots"
    assert site.requests["/b"] == 0
    assert around(site.page("/d", "", 302, Location=f"{other}/c")).text == "Open " + ABSTRACT


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("file:///etc/passwd", "bad_url"),
        ("http://169.254.169.254/latest/meta-data/", "private_address"),
        ("http://[oops/", "bad_url"),
        ("http://b\xfc\xdfe.example:x/", "bad_url"),
        ("data:text/html,<h2>Abstract</h2>", "bad_url"),
    ],
)
def test_a_redirect_that_leads_astray(site, around, target, reason):
    document = around(site.page("/bad", "", 302, Location=target))
    assert (document.reason, document.text) == (reason, "")


# ---- bodies ----------------------------------------------------------------------------------

SPOKEN = ABSTRACT.replace("small", "ﬁne – naïve")


@pytest.mark.parametrize(
    ("header", "inside", "coded"),
    [
        ("utf-8", "", "cp1252"),  # the header is wrong
        ("iso-8859-1", "", "utf-8"),  # wrong the other way round, as many servers are
        ("", "iso-8859-1", "utf-8"),
        ("x-none", "", "utf-8"),
        ("undefined", "", "utf-8"),  # a codec that Python has to fail
        ("utf-16", "", "utf-8"),
        ("utf-16", "", "utf-16"),
        ("shift_jis", "utf-8", "utf-8"),
    ],
)
def test_a_charset_that_is_not_the_pages(site, around, header, inside, coded):
    spoken = SPOKEN.replace("ﬁ", "fi") if coded == "cp1252" else SPOKEN
    text = landing(spoken).replace("<head>", f'<head><meta charset="{inside}">' * bool(inside))
    media = "text/html" + f"; charset={header}" * bool(header)
    assert "naïve" in around(site.page("/bad", text.encode(coded), Content_Type=media)).text


def test_one_torn_character_does_not_spoil_the_others(site, around):
    body = landing(SPOKEN).encode() + b"<p>Torn: \xe2\x80</p>"
    url = site.page("/bad", body, Content_Type="text/html; charset=utf-8")
    assert "naïve" in around(url).text


MEASURE = r"""
import re, sys
from pathlib import Path
from papertune.study.settings import Fetching
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
def peak():
    # not ru_maxrss: a process starts with its parent's
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
fetching = Fetching(contact="t@example.org", delay=0, timeout=30, allow_hosts=["127.0.0.1"])
with PoliteSession(fetching, sys.argv[1]) as session:
    session.get(sys.argv[2])
    before = peak()
    try:
        session.get(sys.argv[3])
    except PageError as error:
        print(error.reason, peak() - before)
"""


def zeros(megabytes: int, layers: int = 1) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()
    for _ in range(layers - 1):
        body = gzip.compress(body)
    return body


def flood(status=200, **headers):
    """200 MB after any head."""

    def fault(handler):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.begin({"Content-Type": "text/html", "Connection": "close", **named}, status)
        for _ in range(200):
            handler.wfile.write(b"<p>" + b"x" * 1_000_000)

    return fault


FLOODS = {
    "flood": flood(),
    "told": flood(Content_Length="200000600"),
    "away": flood(302, Location="/flood"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["flood", "told", "away", "bomb", "double bomb"])
def test_memory_is_bounded_whatever_comes(site, tmp_path, fault):
    layers = 2 if fault == "double bomb" else 1
    packed = zeros(300, layers) if "bomb" in fault else b""
    bomb = (200, {**HTML, "Content-Encoding": ", ".join(["gzip"] * layers)}, packed)
    site.answers["/flood"] = flood()
    site.answers["/bad"] = FLOODS.get(fault, bomb)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path, site.page("/a", landing()), site.url("/bad")],
        env={"PYTHONPATH": str(ROOT / "workflow/scripts")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    reason, grown = done.stdout.split()
    print(f"{fault}: {grown} MB")
    assert reason == "too_large"
    # the limit is 10 MB of text, and a buffer's worth of what is unpacked at once
    assert float(grown) < 40, f"{grown} MB more"


def test_html_where_json_was_expected_fails_the_listing_and_is_not_kept(site, study, monkeypatch):
    from papertune.collect.listings import dblp

    monkeypatch.setattr(dblp, "PAGE_SIZE", 1)
    info = {"title": "A", "year": "2020", "key": "k", "ee": "https://doi.org/10.1/1"}
    hits = {"@total": "2", "@sent": "1", "hit": [{"info": info}]}
    first = json.dumps({"result": {"hits": hits}})
    site.page("/api?q=x&format=json&h=1&f=0", first, Content_Type="application/json")
    url = site.page("/api?q=x&format=json&h=1&f=1", "<html><p>We are down for maintenance")

    study.source = DblpApiSource(kind="dblp_api", query="x", url=site.url("/api"))
    with pytest.raises(CollectError):
        study.list()
    assert not study.file("listing").exists()
    second = first.replace("10.1/1", "10.1/2")
    site.page(url.removeprefix(site.url("")), second, Content_Type="application/json")
    assert len(study.list()[0]) == 2


# ---- robots.txt ------------------------------------------------------------------------------


def test_a_robots_txt_that_changes_is_read_anew_by_the_next_job(site, study):
    one, two = site.page("/one", landing()), site.page("/two", landing("So " + ABSTRACT))
    site.page("/robots.txt", "User-agent: *\nDisallow: /two\n")
    assert study.reasons(one, two) == ["", "robots"]
    site.page("/robots.txt", "User-agent: *\nDisallow: /one\n")
    assert study.reasons(one, two) == ["", ""], "one is there already and two is open now"
    assert (site.requests["/one"], site.requests["/two"]) == (1, 1)


def test_a_robots_txt_is_believed_for_a_day(site, polite, monkeypatch):
    session = polite()
    session.get(site.page("/a", landing()))
    site.page("/robots.txt", "User-agent: *\nDisallow: /b\n")
    session.get(site.page("/b", landing()))
    monkeypatch.setattr(sites_module, "AGE", -1.0)
    with pytest.raises(PageError) as caught:
        session.get(site.page("/b/c", landing()))
    assert caught.value.reason == "robots"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ((503, HTML, b"x"), "robots_unreachable"),
        ((429, HTML, b"x"), "robots_unreachable"),
        (never, "timeout"),
        (reset, "connection"),
        (TRUNCATED, "connection"),
    ],
    ids=["503", "429", "never", "reset", "truncated"],
)
def test_a_robots_txt_that_fails_closes_its_host_for_now(site, study, fault, reason):
    def robots(handler):
        if not handler.headers["Host"].startswith("localhost"):
            return 404, HTML, b""
        return fault(handler) if callable(fault) else fault

    site.answers["/robots.txt"] = robots
    here = site.page("/here", landing())
    there = site.page("/there", landing("So " + ABSTRACT)).replace("127.0.0.1", "localhost")
    assert study.reasons(here, there) == ["", reason]
    assert site.requests["/there"] == 0
    site.answers["/robots.txt"] = (404, HTML, b"")
    assert study.reasons(here, there) == ["", ""]


@pytest.mark.parametrize(
    "text",
    [
        "<html><body><h1>Welcome</h1></body></html>",
        "User-agent: *\nDisallow: /closed\n" + "# long\n" * 100_000,
        "\ufeffUser-agent: *\r\nDisallow: /closed\r\n",
        "\x00\x01\x02 nothing",
    ],
    ids=["page", "long", "mark", "rubbish"],
)
def test_any_robots_txt_can_be_read(site, study, text):
    site.page("/robots.txt", text)
    fine, closed = site.page("/fine", landing()), site.page("/closed", landing("So " + ABSTRACT))
    assert study.reasons(fine, closed) == ["", "robots" if "Disallow" in text else ""]


def test_a_robots_txt_elsewhere_is_followed(site, study):
    site.page("/rules", "User-agent: *\nDisallow: /closed\n")
    elsewhere = site.url("/rules").replace("127.0.0.1", "localhost")
    site.page("/robots.txt", "", 301, Location=elsewhere)
    fine, closed = site.page("/fine", landing()), site.page("/closed", landing())
    assert study.reasons(fine, closed) == ["", "robots"]
