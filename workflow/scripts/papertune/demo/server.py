"""The demo venue over HTTP on loopback, started and stopped by the job that needs it."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from papertune.demo import pages
from papertune.demo.papers import Paper, papers
from papertune.study.settings.listings import DemoSource

ROBOTS = "User-agent: *\nDisallow: /private/\n"


@dataclass
class DemoVenue:
    """A running venue: where its host names lead, and how often each path was asked for."""

    hosts: dict[str, tuple[str, int]]
    requests: Counter[str] = field(default_factory=Counter)


@contextmanager
def demo_server(source: DemoSource) -> Iterator[DemoVenue]:
    """Serve the venue while the block runs.

    The port is whatever is free; urls stay the same because requests are sent to it by host name
    (``PoliteSession(hosts=…)``, Chromium's ``--host-resolver-rules``).
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    address = ("127.0.0.1", server.server_address[1])
    venue = DemoVenue({pages.INDEX: address, pages.LIBRARY: address})
    server.venue, server.source = venue, source
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield venue
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a browser may keep connections open
    venue: DemoVenue
    source: DemoSource


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    server: _Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.venue.requests[path] += 1
        status, media, body = self._answer(path)
        self.send_response(status)
        self.send_header("Content-Type", f"{media}; charset=utf-8")
        self.send_header("Content-Length", str(len(body.encode())))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body.encode())

    def _answer(self, path: str) -> tuple[int, str, str]:
        """Status, media type and body."""
        if path == "/robots.txt":
            return 200, "text/plain", ROBOTS
        source = self.server.source
        stem = path.rsplit("/", 1)[-1].removesuffix(".html").removeprefix("pt")
        if path.startswith("/db/conf/pt/") and stem.isdigit():
            year = int(stem)
            return 200, "text/html", pages.contents(_year(source, year)[0], year)
        parts = path.strip("/").removeprefix("text/").split("/")
        if len(parts) == 2 and parts[0].isdigit():
            listed, kinds = _year(source, int(parts[0]))
            for paper in listed:
                if path == pages.text_path(paper):
                    return 200, "application/json", json.dumps({"text": paper.abstract})
                if path == pages.landing_path(paper):
                    return self._landing(path, paper, kinds[paper.key])
        return 404, "text/html", "<!DOCTYPE html><title>Not found</title><p>No such page."

    def _landing(self, path: str, paper: Paper, kind: str) -> tuple[int, str, str]:
        if kind == "gone":
            return 404, "text/html", "<!DOCTYPE html><title>Gone</title><p>This paper was removed."
        if kind == "busy" and self.server.venue.requests[path] == 1:
            return 429, "text/html", "<!DOCTYPE html><title>Busy</title><p>Too many requests."
        return 200, "text/html", pages.landing(paper, kind)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the job's log is about documents."""


@lru_cache(maxsize=64)
def _year(source: DemoSource, year: int) -> tuple[list[Paper], dict[str, str]]:
    listed = papers(year, source.papers_per_year, source.seed)
    return listed, pages.kinds_of(listed)
