"""A real HTTP server on loopback that misbehaves as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from faulty_site import Site

from papertune.collect.web.session import PoliteSession
from papertune.study.settings import Fetching


@pytest.fixture
def site() -> Iterator[Site]:
    told = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            told.requests[self.path] += 1
            told.agents.append(self.headers["User-Agent"])
            told.times.append(time.monotonic())
            answer = told.answers.get(self.path, (404, {"Content-Type": "text/html"}, b"none"))
            if callable(answer):
                answer = answer(self)
            if answer is None:  # the function has had the connection its way
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:  # the client hung up, as it should on a page too large
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            """Clients that hang up are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fetching() -> Fetching:
    return Fetching(
        contact="tests@example.org",
        delay=0,
        timeout=2,
        retries=2,
        max_megabytes=0.1,
        allow_hosts=["127.0.0.1", "localhost"],
    )


@pytest.fixture
def polite(fetching: Fetching, tmp_path: Path) -> Iterator[Callable[..., PoliteSession]]:
    """Make sessions that share one cache folder."""
    made: list[PoliteSession] = []

    def make(**changes: Any) -> PoliteSession:
        session = PoliteSession(
            fetching.model_copy(update=changes), tmp_path / "cache", backoff=0.05
        )
        made.append(session)
        return session

    yield make
    for session in made:
        session.close()
