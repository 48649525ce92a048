"""The browser's proxy: with its secret, requests pass to allowed addresses; without it, none."""

import socket
import threading
from base64 import b64encode
from contextlib import closing, suppress

import pytest

from loopback import serving
from papertune.collect.web.addresses import Allowed
from papertune.collect.web.way_out import USER, WayOut


def ask(way, head, secret=None, then=""):
    """What comes back, until the connection ends."""
    own = b64encode(f"{USER}:{way.secret if secret is None else secret}".encode()).decode()
    with socket.create_connection(("127.0.0.1", way.server_port), 10) as there:
        there.sendall(f"{head}\r\nProxy-Authorization: Basic {own}\r\n\r\n".encode())
        begun = there.recv(1000) if head.startswith("CONNECT") else b""
        with suppress(OSError):  # where it has ended it
            there.sendall(then.encode())
            there.shutdown(socket.SHUT_WR)
        return (begun + there.makefile("rb").read()).decode("latin-1")


@pytest.fixture
def way(site):
    with closing(WayOut(Allowed([f"127.0.0.1:{site.port}"]), 5, {})) as running:
        yield running


@pytest.mark.parametrize("secret", ["", "0" * 64, "é"])
@pytest.mark.parametrize(
    "head", ["CONNECT {host} HTTP/1.1", "GET http://{host}/a HTTP/1.1", "X / HTTP/1.1"]
)
def test_who_does_not_know_the_secret_gets_nothing(site, way, head, secret):
    answer = ask(way, head.format(host=f"127.0.0.1:{site.port}"), secret)
    assert answer.split()[1] == "407" and way.secret not in answer
    assert not site.asked


def test_a_request_is_passed_on_as_it_is_and_its_answer_too(site, way):
    site.page("/a?b=%20", "é" * 70_000, 201, Set_Cookie="x=1", Connection="keep-alive")
    head = f"POST {site.url('/a?b=%20')} HTTP/1.1\r\nHost: own\r\nContent-Length: 2\r\nCookie: c"
    answer = ask(way, head, then="hi")
    (asked,) = site.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/a?b=%20", b"hi")
    assert asked.headers == {
        "Host": "own",
        "Content-Length": "2",
        "Cookie": "c",
        "Connection": "close",
    }
    start, _, body = answer.partition("\r\n\r\n")
    assert start.startswith("HTTP/1.0 201") and "Set-Cookie: x=1" in start
    assert body.encode("latin-1").decode() == "é" * 70_000


@pytest.mark.parametrize("head", ["CONNECT {host} HTTP/1.1", "GET http://{host}/a HTTP/1.1"])
def test_a_private_address_and_what_is_no_address_get_no_answer(site, way, head):
    with serving(address="127.0.0.2") as private:
        assert ask(way, head.format(host=f"127.0.0.2:{private.port}")) == ""
        assert "127.0.0.2" in str(way.refused) and not private.asked
    for odd in (":", "[", "127.0.0.1:x", f"127.0.0.1:{site.port + 1}"):
        assert ask(way, head.format(host=odd)) == ""


def test_a_tunnel_goes_through_the_proxy_of_the_environment(site):
    came = []

    def serve():
        there, _ = proxy.accept()
        with there, there.makefile("rb") as stream:
            came.append(stream.readline())
            while stream.readline().strip():
                pass
            there.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            there.sendall(stream.read().upper())

    with socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=serve, daemon=True).start()
        at = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        with closing(WayOut(Allowed(), 5, {"https": at})) as way:
            answer = ask(way, "CONNECT outside.example:443 HTTP/1.1", then="hello")
            assert answer.endswith("\r\n\r\nHELLO")
            assert came[0].startswith(b"CONNECT outside.example:443")
            # what is private by its url is not asked of it
            assert ask(way, "CONNECT 10.0.0.1:443 HTTP/1.1") == "" and len(came) == 1
