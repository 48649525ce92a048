"""The built-in sites, served on loopback while a job needs them.

Their urls have host names under ``papertune.example``, which no other server has. So experiments
name them like any other site, and the same code fetches their pages.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import urlsplit

from papertune.demo.encyclopaedia import Encyclopaedia
from papertune.jobs.loopback import OwnAccountOnly
from papertune.study.settings import Source

ROBOTS = "User-agent: *\nDisallow: /private/\n"


class Site(Protocol):
    """A site: its host names and its answers."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Its host names."""

    def identity(self, year: int) -> str:
        """A digest of all that the site serves for a year."""

    def answer(self, url: str, times: int) -> tuple[int, str, str]:
        """Status, media type and body for the ``times``-th request of a path with its query."""


@dataclass
class Running:
    """A running site: host name → (address, port), and the number of requests for each path."""

    hosts: dict[str, tuple[str, int]]
    requests: Counter[str] = field(default_factory=Counter)


def site_of(source: Source) -> Site | None:
    """The built-in site that a source lists, or None."""
    if source.kind == "demo":
        from papertune.demo.venue import Venue  # its grammar takes a while to read

        return Venue(source)
    host = urlsplit(str(getattr(source, "url", ""))).hostname
    return Encyclopaedia() if host in Encyclopaedia.hosts else None


@contextmanager
def served(site: Site) -> Iterator[Running]:
    """Serve a site while the block runs.

    Only processes of this account get answers. The port is any free one; urls do not contain it, as
    requests reach it by host name (``PoliteSession(hosts=…)``, the browser's :class:`WayOut`).
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    running = Running(dict.fromkeys(site.hosts, ("127.0.0.1", server.server_address[1])))
    server.running, server.site = running, site
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(OwnAccountOnly, ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a browser may keep connections open
    running: Running
    site: Site


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    server: _Server

    def do_GET(self) -> None:
        path, requests = urlsplit(self.path).path, self.server.running.requests
        requests[path] += 1
        if path == "/robots.txt":
            status, media, body = 200, "text/plain", ROBOTS
        else:
            status, media, body = self.server.site.answer(self.path, requests[path])
        self.send_response(status)
        self.send_header("Content-Type", f"{media}; charset=utf-8")
        self.send_header("Content-Length", str(len(body.encode())))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        """Log nothing: the job's log is about documents."""
