"""Faults of sites: what the document's record says, and that other documents are unaffected."""

import gzip
import time
import tracemalloc
import zlib

import pytest
from collecting import Steps

from loopback import ABSTRACT, landing, reset, trickle
from papertune.collect.web.transport import PageError
from papertune.records import Document
from processes import busy

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
        *(
            ((status, HTML, "x"), f"http_{status}")
            for status in (500, 502, 503, 408, 401, 402, 403, 406, 418, 451)
        ),
        *(
            ((200, HTML, f"<html><title>{title}</title><p>We are sorry."), "site_fails")
            for title in ("502 Bad Gateway", "Site is under maintenance", "Error 503")
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_may_pass_is_told_and_asked_again_by_the_next_job(site, study, around, fault, reason):
    site.answers["/bad"] = fault
    start = time.monotonic()
    document = around(site.url("/bad"))
    assert time.monotonic() - start < 10 * busy()
    assert (document.reason, document.text) == (reason, "")
    kept = (study.folder / "store").rglob("*.jsonl")
    assert document.id not in "".join(path.read_text() for path in kept)
    before = site.requests.copy()
    site.page("/bad", landing("Now " + ABSTRACT))
    assert study.fetch_urls(*map(site.url, ("/first", "/bad", "/last")))[document.url].text
    before.update(("/bad", "/robots.txt"))
    assert site.requests == before, "what was there already was asked for again"


def test_a_refusal_is_remembered_by_no_step(site, study):
    bad = site.page("/bad", "x", 403)
    study.change(resolvers=["landing", "browser"])
    assert study.reasons(bad, site.page("/good", landing())) == ["http_403", ""]
    _, [missing] = study.render()
    assert missing.reason == "http_403" and "the site refuses it" in missing.detail
    kept = (study.folder / "store").rglob("*.jsonl")
    assert missing.key not in "".join(path.read_text() for path in kept)


def test_a_loop_over_two_hosts_ends(site, around):
    other = site.url("/b").replace("127.0.0.1", "localhost")
    site.page("/b", "", 302, Location=site.url("/a"))
    assert around(site.page("/a", "", 301, Location=other)).reason == "redirects"
    assert site.requests["/a"] + site.requests["/b"] == 11


# ---- memory ----------------------------------------------------------------------------------


def flood(headers, status=200):
    """200 MB after any head."""

    def fault(handler):
        handler.begin({"Content-Type": "text/html", "Connection": "close", **headers}, status)
        for _ in range(200):
            handler.wfile.write(b"<p>" + b"x" * 1_000_000)

    return fault


def bomb(layers):
    """300 MB of nothing, packed so often."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    for _ in range(layers - 1):
        body = gzip.compress(body)
    return 200, {**HTML, "Content-Encoding": ", ".join(["gzip"] * layers)}, body


FLOODS = {
    "flood": lambda: flood({}),
    "told": lambda: flood({"Content-Length": "200000600"}),
    "told in digits": lambda: flood({"Content-Length": "9" * 5000}),
    "told in no digits": lambda: flood({"Content-Length": "²"}),
    "away": lambda: flood({"Location": "/flood"}, 302),
    "bomb": lambda: bomb(1),
    "double bomb": lambda: bomb(2),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FLOODS)
def test_memory_is_bounded_whatever_comes(site, polite, fault):
    site.answers |= {"/flood": flood({}), "/bad": FLOODS[fault]()}
    session = polite(max_megabytes=10, timeout=30, retries=0)
    tracemalloc.start()
    with pytest.raises(PageError) as caught:
        session.get(site.url("/bad"))
    grown = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    assert caught.value.reason == "too_large"
    # the limit is 10 MB of text, and a buffer's worth of what is unpacked at once
    assert grown < 40, f"{grown} MB more"


# ---- robots.txt ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda _: (503, HTML, b"x"), "robots_unreachable"),
        (lambda _: (429, HTML, b"x"), "robots_unreachable"),
        (never, "timeout"),
        (TRUNCATED, "connection"),
        (lambda _: (200, {}, "User-agent: *\nDisallow: /there"), "robots"),
    ],
    ids=["503", "429", "never", "truncated", "closed"],
)
def test_a_robots_txt_that_fails_or_forbids_closes_its_host_for_now(site, study, fault, reason):
    site.answers["/robots.txt"] = lambda handler: (
        fault(handler) if handler.headers["Host"].startswith("localhost") else (404, HTML, b"")
    )
    here = site.page("/here", landing())
    there = site.page("/there", landing("So " + ABSTRACT)).replace("127.0.0.1", "localhost")
    assert study.reasons(here, there) == ["", reason]
    assert site.requests["/there"] == 0
    site.page("/robots.txt", "", 404)
    assert study.reasons(here, there) == ["", ""]
