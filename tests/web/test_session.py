"""The polite session against a real server with real faults."""

import gzip
import itertools
import json
import logging
import socket
import threading
import time

import pytest

from loopback import ABSTRACT, landing
from papertune.collect.web.pauses import HOST_DELAYS, least_delay
from papertune.collect.web.per_host_pool import host_key, map_per_host
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import HostStopped, PageError
from papertune.errors import CollectError
from papertune.jobs import stopping

CHALLENGE = (
    "<html><head><title>Just a moment...</title></head><body><p>Enable JavaScript and cookies to "
    "continue</p><script>window._cf_chl_opt={}</script></body></html>"
)


def refused(session, url, **how) -> PageError:
    with pytest.raises(PageError) as caught:
        session.get(url, **how)
    return caught.value


def reason_of(session, url):
    return refused(session, url).reason


def apart(times, least):
    """Whether so many seconds lie between all of these times."""
    return all(later - earlier >= least - 0.01 for earlier, later in itertools.pairwise(times))


def test_a_page_is_fetched_once_and_then_read_from_disk(site, polite):
    url = site.page("/a", landing())
    first = polite().get(url)
    again = polite()
    assert again.get(url) == first
    assert ABSTRACT in first.text
    assert site.requests == {"/robots.txt": 1, "/a": 1}
    assert again.requests == 0, "not even robots.txt is asked for what is on disk"


def test_refresh_asks_again(site, polite):
    url = site.then("/a", (200, {}, "old"), (200, {}, "new"))
    assert polite().get(url).text == "old"
    assert polite().get(url).text == "old"
    assert polite().get(url, refresh=True).text == "new"
    assert polite().get(url).text == "new"


@pytest.mark.parametrize("rubbish", [b"", b"[]", b'{"url": 1}', b"\xff\xfe", "another's"])
def test_what_is_not_the_page_as_it_was_kept_is_fetched_again(site, polite, rubbish):
    url, other = site.page("/a", landing()), site.page("/other", landing("2"))
    session = polite()
    page, kept = session.get(url), session.cache.path(url)
    session.get(other)
    if rubbish == "another's":
        rubbish = session.cache.path(other).read_bytes()
    kept.write_bytes(rubbish)
    assert session.get(url) == page
    assert site.requests["/a"] == 2
    values = json.loads(kept.read_text())
    assert values["url"] == url
    del values["sha256"]  # as earlier versions kept them
    kept.write_text(json.dumps(values))
    assert session.get(url) == page
    assert site.requests["/a"] == 2


def test_who_asks_is_named(site, polite, monkeypatch):
    polite().get(site.page("/a", "x"))
    assert {one.headers["User-Agent"] for one in site.asked} == {
        "Papertune/0.1 (+tests@example.org)"
    }
    monkeypatch.setenv("PAPERTUNE_CONTACT", "https://example.org/me")
    polite(contact="").get(site.page("/b", "x"))
    assert site.asked[-1].headers["User-Agent"] == "Papertune/0.1 (+https://example.org/me)"


def test_nobody_named_is_an_error_that_says_what_to_set(site, polite, monkeypatch):
    monkeypatch.delenv("PAPERTUNE_CONTACT", raising=False)
    for contact in ("", "J. Ménard"):
        with pytest.raises(CollectError, match=r"(?s)fetching\.contact.*PAPERTUNE_CONTACT"):
            polite(contact=contact).get(site.page("/a", "x"))
    assert not site.requests


def test_who_asks_for_an_hour_is_left_alone(site, polite):
    url = site.page("/a", "busy", 429, Retry_After="3600")
    session = polite()
    with pytest.raises(HostStopped, match="3600") as caught:
        session.get(url)
    assert url in str(caught.value)
    with pytest.raises(HostStopped):
        session.get(site.page("/b", landing()))
    assert site.total == 1


def test_503_is_asked_again_with_growing_pauses(site, polite):
    url = site.then("/a", (503, {}, "x"), (503, {}, "x"), (200, {}, landing()))
    polite().get(url)
    first, second, third = site.times[1:]
    assert second - first >= 0.05
    assert third - second >= 0.1


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_a_refusal_is_final_and_asked_once(site, polite, status):
    error = refused(polite(), site.page("/a", "no", status))
    assert (error.reason, error.passing) == (f"http_{status}", False)
    assert site.requests["/a"] == 1


def test_robots_txt_is_honoured_and_read_once(site, polite):
    site.page("/robots.txt", "User-agent: Papertune\nDisallow: /private/\n")
    session = polite()
    assert reason_of(session, site.page("/private/a", landing())) == "robots"
    session.get(site.page("/open", landing()))
    assert site.requests == {"/robots.txt": 1, "/open": 1}
    led = site.page("/led", "", 302, Location="/private/a")
    assert reason_of(session, led) == "robots"
    assert site.requests["/private/a"] == 0


def test_an_interface_for_programs_is_not_for_robots_txt_to_forbid(site, polite):
    site.page("/robots.txt", "User-agent: *\nDisallow: /api\n")
    url = site.then("/api", (400, {}, '{"error": "no such site"}'), (200, {}, "{}"))
    session = polite()
    assert reason_of(session, url) == "robots"
    assert refused(session, url, api=True).text == '{"error": "no such site"}'
    assert session.get(url, api=True).text == "{}"


def test_delay_and_crawl_delay_lie_between_requests_of_all_jobs(site, polite, monkeypatch):
    for number in range(3):  # a session of its own for every page, as jobs have
        polite(delay=0.3).get(site.page(f"/{number}", landing()))
    assert apart(site.times, 0.3)
    monkeypatch.setitem(HOST_DELAYS, "127.0.0.1", 0.2)  # of a host whose rules are known
    session = polite(delay=0)
    for number in range(2):
        session.get(site.page(f"/known{number}", landing()))
    assert apart(site.times, 0.2)
    site.page("/robots.txt", "User-agent: *\nCrawl-delay: 0.4\n")
    session = polite(delay=0.1)
    for number in range(2):
        session.get(site.page(f"/slow{number}", landing()))
    assert apart(site.times[-2:], 0.4)


def test_redirects_are_followed_and_a_rerun_asks_for_none(site, polite):
    site.page("/b", landing())
    url = site.page("/a", "", 302, Location="/b")
    page = polite().get(url)
    assert (page.url, page.landed) == (url, site.url("/b"))
    again = polite()
    again.get(url)
    assert again.requests == 0


@pytest.mark.parametrize("status", [200, 403, 429, 503])
def test_a_challenge_with_any_status_is_an_error_and_never_kept(site, polite, status):
    url = site.page("/a", CHALLENGE, status)
    session = polite()
    with pytest.raises(HostStopped, match="What to do") as caught:
        session.get(url)
    assert url in str(caught.value)
    assert not session.cache.path(url).exists()
    with pytest.raises(HostStopped):
        session.get(site.page("/b", landing()))
    assert site.total == 1, "neither the challenge nor the host is asked again"
    site.page("/a", landing())
    assert ABSTRACT in polite().get(url).text


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


@pytest.mark.parametrize("value", ["soon", "", "-5", "1e9"])
def test_a_retry_after_that_means_nothing_is_passed_over(site, polite, value):
    url = site.then("/a", (503, {"Retry-After": value}, "x"), (200, {}, landing()))
    start = time.monotonic()
    assert ABSTRACT in polite().get(url).text
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a..b/", "http:///x", "http://127.0.0.1:0/", "mailto:a@b", ""]
)
def test_what_is_no_url_is_said_so(polite, url):
    assert reason_of(polite(retries=0), url) in ("bad_url", "connection")


def test_chunked_and_packed_pages_are_read_whole(site, polite):
    whole = (landing() + "x" * 5000).encode()

    def chunked(handler):
        packing = {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
        handler.begin({"Content-Type": "text/html", **packing})
        packed = gzip.compress(whole)
        for part in (packed[:20], packed[20:], b""):
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            handler.wfile.flush()

    site.answers["/a"] = chunked
    assert polite().get(site.url("/a")).text.encode() == whole


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
    assert session.get(url, secret={"api_key": "another-key"}) == page
    assert session.get(url) == page
    assert "GET /api" in caplog.text, "urllib3 logged nothing, so nothing was hidden"
    kept = [path.read_text() for path in session.cache.folder.rglob("*") if path.is_file()]
    assert "5ecret" not in "".join([*kept, caplog.text])


@pytest.mark.parametrize("status", [401, 500])
def test_no_error_tells_a_secret(site, polite, caplog, status):
    caplog.set_level(logging.DEBUG)
    site.answers[f"/api?api_key={QUOTED}"] = lambda handler: (
        handler.send_response(status, f"No {KEY}") or (handler.end_headers())
    )
    answered = refused(polite(retries=1), site.url("/api"), secret={"api_key": KEY})
    assert answered.reason == f"http_{status}"
    no_url = refused(polite(retries=0), "http://127.0.0.1:0x/", secret={"api_key": KEY})
    for error in (answered, no_url):
        assert "5ecret" not in f"{error} {error!r} {vars(error)}"
    assert "5ecret" not in caplog.text


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


def test_hosts_whose_rules_are_known_have_a_least_delay():
    assert least_delay("export.arxiv.org") == 3.0
    assert least_delay("api.semanticscholar.org") == 1.0
    assert least_delay("vi.wikipedia.org") == 0.3
    assert least_delay("notarxiv.org") == least_delay("org") == least_delay("") == 0.0


# ---- private addresses ------------------------------------------------------------------------


def private(session, url):
    error = refused(session, url)
    assert error.reason == "private_address"
    assert "fetching.allow_hosts" in str(error)
    return str(error)


def test_nothing_private_is_asked_unless_it_is_allowed(site, polite):
    url = site.page("/a", landing())
    for other in (url, url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "127.1")):
        private(polite(allow_hosts=[], retries=0), other)
    private(polite(allow_hosts=[f"127.0.0.1:{site.port + 1}"]), url)
    private(polite(), "http://169.254.169.254/latest/meta-data/")
    assert not site.requests
    assert ABSTRACT in polite(allow_hosts=[f"127.0.0.1:{site.port}"]).get(url).text


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/", "http://127.0.0.2:{port}/x", "http://[::1]:{port}/x"]
)
def test_a_redirect_leads_to_no_private_address(site, polite, target):
    url = site.page("/a", "", 302, Location=target.format(port=site.port))
    private(polite(), url)
    assert site.requests == {"/robots.txt": 1, "/a": 1}
    # a robots.txt leads there as little
    site.page("/robots.txt", "", 302, Location=target.format(port=site.port))
    private(polite(), url)


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


def test_behind_a_proxy_what_the_url_says_is_judged(site, polite, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{site.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    session = polite(allow_hosts=[])
    for host in ("127.0.0.1", "169.254.169.254", "localhost", "0x7f.1"):
        private(session, f"http://{host}/a")
    assert not site.requests
    site.page("http://outside.example/a", landing())
    assert ABSTRACT in session.get("http://outside.example/a").text


# ---- several threads --------------------------------------------------------------------------


def test_hosts_in_parallel_each_at_its_pace(site, polite):
    sites = [site.url(""), site.url("").replace("127.0.0.1", "localhost")]
    for number in range(8):
        site.page(f"/{number}", landing())
    urls = [f"{base}/{number}" for number in range(8) for base in sites]
    session = polite(delay=0.2)
    start = time.monotonic()
    done = list(map_per_host(urls, host_key, session.get, threads=4))
    took = time.monotonic() - start
    assert [page for _, page in done if isinstance(page, Exception)] == []
    assert sorted(url for url, _ in done) == sorted(urls)
    assert site.requests["/robots.txt"] == 2, "one for each host"
    for base in sites:
        asked = [one for one in site.asked if base.endswith(one.headers["Host"])]
        assert apart([one.when for one in asked], 0.2)
    assert took < 8 * 0.2 * 1.5, "one host waited for the other"


def test_a_challenge_in_one_thread_stops_the_host_for_all_and_no_other(site, polite):
    urls = [site.page(f"/{number}", landing()) for number in range(4)]
    others = [url.replace("127.0.0.1", "localhost") for url in urls]
    site.page("/wall", CHALLENGE)
    session = polite(delay=0.02)
    todo = [site.url("/wall"), *urls, *others]
    done = dict(map_per_host(todo, host_key, session.get, threads=2))
    assert all(isinstance(done[url], HostStopped) for url in [site.url("/wall"), *urls])
    assert all(ABSTRACT in done[url].text for url in others)


def test_a_closed_session_lets_waiting_threads_go(site, polite):
    session = polite(delay=60)
    session.pauses.asked("127.0.0.1")
    errors = []

    def wait():
        try:
            session.get(site.url("/a"))
        except stopping.Interrupted as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    session.close()
    thread.join(5)
    assert errors and not thread.is_alive()
