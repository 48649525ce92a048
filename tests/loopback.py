"""A real HTTP server on loopback that answers, or fails, as a test specifies."""

import json
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Body = str | bytes | dict | list  # JSON, where it is neither text nor bytes
Answer = tuple[int, dict[str, str], Body] | None  # None: the connection was used up and ends
Answering = Answer | Callable[[Any], Answer]  # a function is given the request's Handler
ABSTRACT = (
    "We study how small models read long pages. A model that is asked about a page it has read "
    "answers better than one that guesses, and we measure by how much over three venues."
)
NOT_FOUND: Answer = (404, {"Content-Type": "text/html"}, "none")


def landing(abstract: str = ABSTRACT) -> str:
    """The landing page of a paper."""
    return (
        f"<html><head><title>A paper</title></head><body><h2>Abstract</h2><p>{abstract}</p></body>"
    )


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    target: str  # path and query, as they were sent
    headers: dict[str, str]
    body: bytes
    when: float = field(default_factory=time.monotonic)

    # decoded
    path = property(lambda self: unquote(urlsplit(self.target).path))
    query = property(lambda self: dict(parse_qsl(urlsplit(self.target).query)))


class Loopback:
    """What the server answers, and what it was asked.

    ``answers`` maps a target (path and query) to its answer; ``otherwise`` answers all others.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answering] = {}
        self.otherwise: Answering = NOT_FOUND
        self.asked: list[Request] = []
        self.address, self.port = "127.0.0.1", 0

    def url(self, path: str = "") -> str:
        """The url of a path of this server."""
        return f"http://{self.address}:{self.port}{path}"

    def page(self, path: str, body: Body, status: int = 200, **headers: str) -> str:
        """Answer a path with a page; returns its url."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (status, named, body)
        return self.url(path)

    def then(self, path: str, *answers: Answer) -> str:
        """Different answers in turn; the last one stays."""
        self.answers[path] = lambda _: answers[min(self.requests[path], len(answers)) - 1]
        return self.url(path)

    # of all requests in their order, how often each target was asked for, pages alone
    paths = property(lambda self: [request.target for request in self.asked])
    times = property(lambda self: [request.when for request in self.asked])
    requests = property(lambda self: Counter(self.paths))
    total = property(lambda self: len(self.asked) - self.requests["/robots.txt"])


class Handler(BaseHTTPRequestHandler):
    """Notes a request and sends its answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    site: Loopback

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked = Request(self.command, self.path, dict(self.headers), body)
        self.site.asked.append(self.asked)
        answer = self.site.answers.get(self.path, self.site.otherwise)
        try:
            answer = answer(self) if callable(answer) else answer
            if answer is None:
                self.close_connection = True
            else:
                self.reply(*answer)
        except OSError:  # the client hung up, as it should on a page too large
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = _answer

    def reply(self, status: int, headers: dict[str, str], body: Body) -> None:
        """Send a whole answer."""
        media = "text/html"
        if not isinstance(body, str | bytes):
            media, body = "application/json", json.dumps(body)
        body = body.encode() if isinstance(body, str) else body
        self.begin({"Content-Type": media, "Content-Length": str(len(body)), **headers}, status)
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin(self, headers: dict[str, str], status: int = 200) -> None:
        """Send the head of an answer alone."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def reset(handler: Handler) -> None:
    """End the connection at once, without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def trickle(handler: Handler, text: str, pause: float = 0.1) -> None:
    """Send a character at a time."""
    for character in text:
        handler.wfile.write(character.encode())
        handler.wfile.flush()
        time.sleep(pause)


@contextmanager
def serving(
    otherwise: Answering = NOT_FOUND, address: str = "127.0.0.1", port: int = 0
) -> Iterator[Loopback]:
    """A server of its own, on a free port if none is given."""
    site = Loopback()
    site.otherwise = otherwise

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *about: Any) -> None:
            """Tell of all but clients that hang up, which are part of the tests."""
            if not isinstance(sys.exception(), OSError):
                super().handle_error(*about)

    with Server((address, port), type("Handler", (Handler,), {"site": site})) as server:
        site.address, site.port = address, server.server_port
        how = {"poll_interval": 0.02}
        threading.Thread(target=server.serve_forever, kwargs=how, daemon=True).start()
        try:
            yield site
        finally:
            server.shutdown()
