"""The rate-limited session against a real server with real faults."""

import gzip
import itertools
import json
import logging
import socket
import time
from email.utils import formatdate

import pytest

from loopback import ABSTRACT, landing
from papertune.collect.web import sites as sites_module
from papertune.collect.web.pauses import HOST_DELAYS, least_delay
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError

CHALLENGE = (
    "<html><head><title>Just a moment...</title></head><body><p>Enable JavaScript and cookies to "
    "continue</p><script>window._cf_chl_opt={}</script></body></html>"
)
CONTACT = "tests@example.org"
RULES = "User-agent: *\nDisallow: /closed\n"


def refused(session, url, **how) -> PageError:
    with pytest.raises(PageError) as caught:
        session.get(url, **how)
    return caught.value


def reason_of(session, url):
    return refused(session, url).reason


def apart(times, least):
    """Whether so many seconds lie between all of these times."""
    return all(later - earlier >= least - 0.01 for earlier, later in itertools.pairwise(times))


# ---- pages on disk ------------------------------------------------------------------------------


def test_a_page_is_fetched_once_and_then_read_from_disk_until_it_is_asked_for_again(site, polite):
    site.page("/b", landing())
    url = site.page("/a", "", 302, Location="/b")
    page = polite().get(url)
    assert (page.url, page.landed) == (url, site.url("/b")) and ABSTRACT in page.text
    again = polite()
    assert again.get(url) == page
    assert again.requests == 0, "not even robots.txt is asked for what is on disk"
    assert site.requests == {"/robots.txt": 1, "/a": 1, "/b": 1}
    site.page("/b", "new")
    assert polite().get(url, refresh=True).text == polite().get(url).text == "new"


def test_what_is_not_the_page_as_it_was_kept_is_fetched_again(site, polite):
    url, session = site.page("/a", landing()), polite()
    page, kept = session.get(url), session.cache.path(url)
    for before, broken in enumerate([b"", b"[]", b'{"url": 1}', b"\xff\xfe"], 1):
        kept.write_bytes(broken)
        assert site.requests["/a"] == before
        assert session.get(url) == page
    values = json.loads(kept.read_text())
    del values["sha256"]  # as earlier versions kept them
    kept.write_text(json.dumps(values))
    assert session.get(url) == page
    assert site.requests["/a"] == 5


def test_chunked_and_packed_pages_are_read_whole(site, polite):
    def chunked(handler):
        handler.begin({"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"})
        for part in (packed[:20], packed[20:], b""):
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            handler.wfile.flush()

    packed = gzip.compress((landing() + "x" * 5000).encode())
    site.answers["/a"] = chunked
    assert polite().get(site.url("/a")).text == landing() + "x" * 5000


# ---- manners ------------------------------------------------------------------------------------


def test_who_asks_is_named_or_told_what_to_set(site, polite, monkeypatch):
    url = site.page("/a", "x")
    monkeypatch.delenv("PAPERTUNE_CONTACT", raising=False)
    for contact in ("", "J. Ménard"):
        with pytest.raises(CollectError, match=r"(?s)fetching\.contact.*PAPERTUNE_CONTACT"):
            polite(contact=contact).get(url)
    assert not site.requests
    monkeypatch.setenv("PAPERTUNE_CONTACT", "https://example.org/me")
    polite(contact="").get(url)
    polite().get(url, refresh=True)
    named = {one.headers["User-Agent"] for one in site.asked}
    assert named == {
        f"Papertune/0.1 (+{me})" for me in ("https://example.org/me", "tests@example.org")
    }


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        *((status, {}, CHALLENGE, "What to do") for status in (200, 403, 429, 503)),
        (429, {"Retry-After": "3600"}, "busy for long", "3600"),
        (429, {}, "busy", "too many requests .*, repeatedly"),
    ],
)
def test_a_host_that_wants_nobody_is_asked_no_more_and_nothing_is_kept(
    site, polite, status, headers, body, said
):
    site.answers["/a"] = (status, headers, body)
    url, session = site.url("/a"), polite(retries=0 if body == "busy" else 2)
    with pytest.raises(HostStopped, match=said) as caught:
        session.get(url)
    assert url in str(caught.value)
    assert not session.cache.path(url).exists()
    with pytest.raises(HostStopped):
        session.get(site.page("/b", landing()))
    assert site.total == 1, "neither the page nor the host is asked again"
    site.page("/a", landing())
    assert ABSTRACT in polite().get(url).text


@pytest.mark.parametrize(
    ("status", "asked", "least"),
    [
        *((status, None, 0.05) for status in (429, 503)),
        *((503, nothing, 0.05) for nothing in ("soon", "", "-5", "1e9")),
        *((429, "1", 1), (429, "date", 1), (503, "1", 1)),
    ],
)
def test_who_is_busy_is_asked_again_after_a_growing_pause_or_the_one_it_names(
    site, polite, status, asked, least
):
    when = formatdate(time.time() + 3, usegmt=True) if asked == "date" else asked
    busy = (status, {} if asked is None else {"Retry-After": when}, "x")
    again = [busy] if least == 1 else [busy, busy]
    assert ABSTRACT in polite().get(site.then("/a", *again, (200, {}, landing()))).text
    first, second, *third = site.times[1:]
    assert least <= second - first < 4
    assert not third or 2 * least <= third[0] - second < 1


@pytest.mark.parametrize("status", [401, 403, 404, 451])
def test_a_refusal_is_final_and_asked_once(site, polite, status):
    error = refused(polite(), site.page("/a", "no", status))
    assert (error.reason, error.passing) == (f"http_{status}", False)
    assert site.requests["/a"] == 1


def test_delay_and_crawl_delay_lie_between_requests_of_all_jobs(site, polite, monkeypatch):
    def ask(*sessions):
        for session in sessions:
            session.get(site.page(f"/{len(site.asked)}", landing()))
        return site.times

    assert apart(ask(*(polite(delay=0.3) for _ in range(3))), 0.3)
    monkeypatch.setitem(HOST_DELAYS, "127.0.0.1", 0.2)  # of a host whose rules are known
    assert apart(ask(*[polite(delay=0)] * 2), 0.2)
    site.page("/robots.txt", "User-agent: *\nCrawl-delay: 0.4\n")
    assert apart(ask(*[polite(delay=0.1)] * 2)[-2:], 0.4)
    assert (least_delay("export.arxiv.org"), least_delay("vi.wikipedia.org")) == (3.0, 0.3)
    assert least_delay("notarxiv.org") == least_delay("org") == least_delay("") == 0.0


def test_a_mapped_host_keeps_its_url_and_needs_no_contact(site, fetching, tmp_path, monkeypatch):
    monkeypatch.delenv("PAPERTUNE_CONTACT", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # a proxy has no part in it
    site.page("/a", landing())
    slow = fetching.model_copy(update={"contact": "", "delay": 60})
    hosts = {"venue.example": ("127.0.0.1", site.port)}
    with PoliteSession(slow, tmp_path / "cache", hosts=hosts) as session:
        page = session.get("http://venue.example/a")
    assert page.landed == "http://venue.example/a"
    assert site.asked[-1].headers["Host"] == "venue.example"


@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1", "http://a..b/", "http://:80/x", "http://127.0.0.1:0/", "mailto:a@b", ""),
        *("file:///etc/passwd", "http://b\xfc\xdfe.example:x/", "data:text/html,<h2>Abstract</h2>"),
    ],
)
def test_what_is_no_url_is_said_so_where_a_redirect_leads_too(site, polite, url):
    for bad in (url, site.page("/a", "", 302, Location=url or "http://[::1")):
        assert reason_of(polite(retries=0), bad) in ("bad_url", "connection")


# ---- robots.txt ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("User-agent: Papertune\nDisallow: /closed\n", True),
        (RULES + "# long\n" * 100_000, True),
        ("\ufeff" + RULES.replace("\n", "\r\n"), True),
        ("<html><body><h1>Welcome</h1></body></html>", False),
        ("\x00\x01\x02 nothing", False),
    ],
    ids=["ours", "long", "mark", "page", "rubbish"],
)
def test_any_robots_txt_is_honoured_and_read_once(site, polite, text, closed):
    site.page("/robots.txt", text)
    session = polite()
    session.get(site.page("/open", landing()))
    for url in (site.page("/closed", landing()), site.page("/led", "", 302, Location="/closed")):
        assert (reason_of(session, url) == "robots") if closed else session.get(url)
    assert site.requests["/robots.txt"] == 1
    assert (site.requests["/closed"] == 0) == closed


def test_each_host_has_a_robots_txt_of_its_own_which_may_lie_elsewhere(site, polite):
    site.page("/rules", RULES)
    site.answers["/robots.txt"] = lambda handler: (
        (301, {"Location": site.url("/rules")}, "")
        if handler.headers["Host"].startswith("localhost")
        else (404, {}, "")
    )
    session = polite()
    here = session.get(site.page("/closed", landing()))
    there = here.url.replace("127.0.0.1", "localhost")
    assert reason_of(session, there) == "robots"
    assert reason_of(session, site.page("/led", "", 302, Location=there)) == "robots"
    site.page("/open", landing("Open " + ABSTRACT))
    assert "Open" in session.get(there.replace("closed", "open")).text
    assert site.requests["/closed"] == 1


def test_a_robots_txt_is_believed_for_a_day(site, polite, monkeypatch):
    session = polite()
    session.get(site.page("/a", landing()))
    site.page("/robots.txt", RULES)
    session.get(site.page("/closed", landing()))
    monkeypatch.setattr(sites_module, "AGE", -1.0)
    assert reason_of(session, site.page("/closed/c", landing())) == "robots"


def test_an_interface_for_programs_is_not_for_robots_txt_to_forbid(site, polite):
    site.page("/robots.txt", "User-agent: *\nDisallow: /api\n")
    url = site.then("/api", (400, {}, '{"error": "no such site"}'), (200, {}, "{}"))
    session = polite()
    assert reason_of(session, url) == "robots"
    assert refused(session, url, api=True).text == '{"error": "no such site"}'
    assert session.get(url, api=True).text == "{}"


# ---- secrets ------------------------------------------------------------------------------------

KEY = "sk-5ecret/key+1"
QUOTED = "sk-5ecret%2Fkey%2B1"


def test_a_secret_is_sent_and_is_nowhere_else(site, polite, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    first, then = f"/api?q=1&api_key={QUOTED}", f"/next?page=2&api_key={QUOTED}"
    site.page(first, "", 302, Location=then)
    said = f'{{"key": "{KEY}", "header": "header-5ecret", "next": "?k={QUOTED}"}}'
    site.page(then, said, Content_Type="application/json")
    session = polite()
    url = site.url("/api?q=1")
    headers = {"X-Key": "header-5ecret", "Accept": "application/json"}
    page = session.get(url, headers=headers, secret={"api_key": KEY, "empty": ""})
    assert [one.target for one in site.asked if "X-Key" in one.headers] == [first, then]
    assert {one.headers["Accept"] for one in site.asked[-2:]} == {"application/json"}
    assert (page.url, page.landed) == (url, site.url("/next?page=2"))
    assert page.text == '{"key": "***", "header": "***", "next": "?k=***"}'
    # with another key or with none, it is the same page
    assert session.get(url, secret={"api_key": "another-key"}) == session.get(url) == page
    # what the server says of an error has it, too
    site.answers[f"/gone?api_key={QUOTED}"] = lambda handler: (
        handler.send_response(401, f"No {KEY}") or handler.end_headers()
    )
    for bad, reason in ((site.url("/gone"), "http_401"), ("http://127.0.0.1:0x/", "bad_url")):
        error = refused(session, bad, secret={"api_key": KEY})
        assert error.reason == reason
        assert "5ecret" not in f"{error} {error!r} {vars(error)}"
    kept = [path.read_text() for path in session.cache.folder.rglob("*") if path.is_file()]
    assert "5ecret" not in "".join([*kept, caplog.text])


def test_another_host_gets_neither_headers_nor_secret(site, polite):
    elsewhere = site.page("/other", "x").replace("127.0.0.1", "localhost")
    target = f"/api?api_key={QUOTED}"
    site.page(target, "", 302, Location=f"{elsewhere}?api_key={QUOTED}")
    headers = {"X-Key": "header-5ecret", "Accept": "text/plain"}
    page = polite().get(site.url("/api"), headers=headers, secret={"api_key": KEY})
    assert site.asked[-1].target == "/other"
    assert "X-Key" not in site.asked[-1].headers
    assert site.asked[-1].headers["Accept"] == "text/plain"
    assert page.landed == elsewhere


# ---- private addresses --------------------------------------------------------------------------


def private(session, url):
    error = refused(session, url)
    assert error.reason == "private_address"
    assert "fetching.allow_hosts" in str(error)
    return str(error)


def test_nothing_private_is_asked_unless_it_is_allowed(site, polite, monkeypatch):
    url, nobody = site.page("/a", landing()), polite(allow_hosts=[], retries=0)
    for host in ("127.0.0.1", "localhost", "127.1", "0x7f.1", "169.254.169.254"):
        private(nobody, url.replace("127.0.0.1", host))
    private(polite(allow_hosts=[f"127.0.0.1:{site.port + 1}"]), url)
    # behind a proxy it is what the url says that is judged
    with monkeypatch.context() as patched:
        patched.setenv("http_proxy", f"http://127.0.0.1:{site.port}")
        patched.delenv("no_proxy", raising=False)
        patched.delenv("NO_PROXY", raising=False)
        for host in ("127.0.0.1", "169.254.169.254", "localhost", "0x7f.1"):
            private(nobody, f"http://{host}/a")
        assert not site.requests
        site.page("http://outside.example/a", landing())
        assert ABSTRACT in nobody.get("http://outside.example/a").text
    assert ABSTRACT in polite(allow_hosts=[f"127.0.0.1:{site.port}"]).get(url).text


def test_a_redirect_leads_to_no_private_address_nor_does_a_robots_txt(site, polite):
    for host in ("169.254.169.254", "127.0.0.2", "[::1]"):
        led = {"Location": f"http://{host}:{site.port}/x"}
        private(polite(), site.page("/a", "", 302, **led))
        assert site.requests.keys() == {"/robots.txt", "/a"}
        private(polite(), site.page("/robots.txt", "", 302, **led).replace("robots.txt", "b"))
        del site.answers["/robots.txt"]
    assert site.requests["/b"] == 0


def test_it_is_the_connections_address_that_counts(site, polite, monkeypatch):
    """A name that leads to a good address when it is judged, and elsewhere when it is asked."""
    resolve, asked = socket.getaddrinfo, []

    def rebinding(name, *args, **how):
        if name != "rebinding.example":
            return resolve(name, *args, **how)
        asked.append(name)
        # nothing is there, so the connection fails; the next time it would be this machine
        return resolve("192.88.99.1" if len(asked) == 1 else "127.0.0.1", *args, **how)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://rebinding.example:{site.port}/a"
    session = polite(timeout=0.3, retries=0)
    assert reason_of(session, url) in ("connection", "timeout")
    assert "127.0.0.1" in private(session, url)
    assert not site.requests
    site.page("/a", landing())
    assert ABSTRACT in polite(allow_hosts=["rebinding.example"]).get(url).text
