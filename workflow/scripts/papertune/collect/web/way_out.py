"""The browser's proxy, which checks every address and asks for a secret."""

import secrets
import socket
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing, suppress
from hmac import compare_digest
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from papertune.collect.web.addresses import Allowed, PrivateAddress

USER = "papertune"
OF_A_HOP = ("connection", "keep-alive", "transfer-encoding", "proxy-")  # hop-by-hop headers


class WayOut(ThreadingHTTPServer):
    """A proxy on loopback that checks every address before it connects.

    A page may load, redirect to or connect to anything, over HTTP, TLS or WebSocket. Chromium lets
    its proxy resolve names, so every request is checked here. Other accounts reach the port, too,
    so requests must carry ``secret``. The proxy runs until it is closed. ``timeout`` is in seconds,
    for connecting and between two parts of an answer; ``proxies`` (scheme → proxy) are the next
    hop, and resolve the names.
    """

    request_queue_size = 64

    def __init__(self, allowed: Allowed, timeout: float, proxies: Mapping[str, str]) -> None:
        self.allowed, self.patience, self.proxies = allowed, timeout, proxies
        self.secret = secrets.token_hex()
        self.refused: PrivateAddress | None = None  # the last one; reset before each page
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop the proxy."""
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Log nothing: a refused or broken request ends without an answer."""


class _Handler(BaseHTTPRequestHandler):
    """One request: for TLS and WebSockets Chromium asks for a tunnel, else for the whole url."""

    server: WayOut
    timeout = 60  # seconds

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        own = b"Basic " + b64encode(f"{USER}:{self.server.secret}".encode())
        if compare_digest(self.headers.get("Proxy-Authorization", "").encode(), own):
            return True
        self._answer(407, ("Proxy-Authenticate", 'Basic realm="papertune"'))
        return False

    def do_CONNECT(self) -> None:
        asked, proxied = self._asking("https", self.path)
        with closing(asked):
            if proxied:
                asked.set_tunnel(self.path)
                asked.connect()
            self._answer(200)
            for end in (self.connection, asked.sock):
                end.settimeout(None)
            ways = (asked.sock, self.connection)
            back = threading.Thread(target=_pass_on, args=ways, daemon=True)
            back.start()
            _pass_on(*reversed(ways))
            back.join()

    def _forward(self) -> None:
        _, _, host, path = self.path.split("/", 3)
        asked, proxied = self._asking("http", host)
        with closing(asked):
            target = self.path if proxied else f"/{path}"
            asked.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
            for header in (*_passed_on(self.headers), ("Connection", "close")):
                asked.putheader(*header)
            asked.endheaders(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            answer = asked.getresponse()
            self._answer(answer.status, *_passed_on(answer.headers), reason=answer.reason)
            while block := answer.read1(65536):
                self.wfile.write(block)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _forward

    def _asking(self, kind: str, address: str) -> tuple[HTTPConnection, bool]:
        """A connection to a host or to the next proxy, and whether it is a proxy."""
        server, there = self.server, urlsplit(f"//{address}")
        host, port = there.hostname or "", there.port or 80
        # a host allowed by name may be a local one that the proxy does not know
        proxy = "" if server.allowed.by_name(host, port) else server.proxies.get(kind, "")
        to = (urlsplit(proxy).netloc or proxy or host).rpartition("@")[2]
        asked = HTTPConnection(to, timeout=server.patience)
        try:
            if proxy:
                server.allowed.check_written(host, port)
            else:
                asked.sock = server.allowed.connect(host, port, server.patience)
        except PrivateAddress as error:
            server.refused = error
            raise
        return asked, bool(proxy)

    def _answer(self, status: int, *headers: tuple[str, str], reason: str = "") -> None:
        self.send_response_only(status, reason)  # in HTTP/1.0 the connection ends after it
        for header in headers:
            self.send_header(*header)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing: the job's log is about documents."""


def _passed_on(headers: Any) -> list[tuple[str, str]]:
    return [one for one in headers.items() if not one[0].lower().startswith(OF_A_HOP)]


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
