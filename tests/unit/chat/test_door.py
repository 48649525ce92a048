"""Nobody reaches the page without its token, under another name, or from another account."""

import http.client
import os
import threading
import time
import urllib.request

import pytest

from accounts import EVE, ROOT_ONLY, as_user
from papertune.chat.door import HEADERS, LOOPBACK, Door, listening, serve
from papertune.errors import PapertuneError

uvicorn = pytest.importorskip("uvicorn", reason="make .venv/installed-serve installs it")
TOKEN = "a" * 43


async def inside(scope, receive, send):
    headers = [(b"Referrer-Policy", b"unsafe-url"), (b"x-own", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"inside"})


@pytest.fixture(scope="module")
def port():
    with listening(0) as listener:
        server = uvicorn.Server
        started, run = [], server.run
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "run", lambda own, **k: (started.append(own), run(own, **k)))
            thread = threading.Thread(target=serve, args=(inside, TOKEN, listener))
            thread.start()
            while not (started and started[0].started):
                time.sleep(0.01)
        yield listener.getsockname()[1]
        started[0].should_exit = True
        thread.join()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    line = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    line.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        line.putheader(name.replace("_", "-"), value)
    line.endheaders()
    found = line.getresponse()
    found.body = found.read()
    return found


def test_with_the_token_it_opens_with_headers_that_keep_it(port):
    for path in (f"/{TOKEN}", f"/{TOKEN}/", f"/{TOKEN}/gradio_api/x?y=1"):
        found = ask(port, path)
        assert (found.status, found.body) == (200, b"inside")
        told = {name.lower(): value for name, value in found.getheaders()}
        assert told.items() >= HEADERS.items() and told["x-own"] == "1"
        assert "server" not in told


@pytest.mark.parametrize(
    "path",
    ["/", "//", "/x", f"/{TOKEN[:-1]}", f"/{TOKEN}b/", f"/?token={TOKEN}", f"//{TOKEN}/", "/config",
     "/gradio_api/info", f"/x/../{TOKEN}/", f"/{TOKEN.upper()}/", "/%ff%C3%A4/"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
def test_without_the_token_every_path_is_refused_alike(port, path, method):
    found = ask(port, path, method, Origin="http://evil.example")
    assert found.status == 403 and b"inside" not in found.body and TOKEN.encode() not in found.body
    assert not found.getheader("access-control-allow-origin")


def test_a_name_that_a_site_gave_loopback_is_refused(port):
    for host in (f"localhost:{port}", "127.0.0.1:8888", "LOCALHOST"):  # the end of a tunnel
        assert ask(port, f"/{TOKEN}/", Host=host).status == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "", "[::1", "0"):
        assert ask(port, f"/{TOKEN}/", Host=host).status == 403


def test_no_upgrade_goes_round_it(port):
    how = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    assert ask(port, "/", Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==", **how).status == 403


@pytest.mark.skipif(os.getuid() != 0, reason=ROOT_ONLY)
def test_another_account_that_knows_the_address_is_refused(port):
    def opened() -> None:
        address = f"http://{LOOPBACK}:{port}/{TOKEN}/"
        # says that it is somebody else's connection
        asked = urllib.request.Request(address, headers={"X-Forwarded-For": "127.0.0.1"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(asked, timeout=10)

    assert as_user(EVE, [], opened)


def test_only_loopback_listens_and_a_taken_port_is_told(port):
    with listening(0) as listener:
        assert listener.getsockname()[0] == LOOPBACK
    with pytest.raises(PapertuneError, match="cannot listen") as refused:
        listening(port)
    assert "PORT=" in refused.value.hint


def test_only_pages_are_handed_on():
    """What it does not know, such as a websocket that a server was built with, is refused."""
    import asyncio

    told = []

    async def send(message):
        told.append(message)

    scope = {"type": "websocket", "path": f"/{TOKEN}/", "headers": []}
    asyncio.run(Door(inside, TOKEN)(scope, None, send))
    assert told == [{"type": "websocket.close", "code": 1008}]
