"""The sites that the project serves itself, on loopback, while a job needs them.

Their urls have host names under ``papertune.example``, which no other server bears. So experiments name
them as they name any site, and the same code asks them.
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
    """A site: what it is called, and what it says."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Its host names."""

    def identity(self, year: int) -> str:
        """Changes with what the site says of a year."""

    def answer(self, url: str, times: int) -> tuple[int, str, str]:
        """Status, media type and body for a path with its query, asked for so many times by now."""


@dataclass
class Running:
    """A site that is served: where its host names lead, and how often each path was asked for."""

    hosts: dict[str, tuple[str, int]]
    requests: Counter[str] = field(default_factory=Counter)


def site_of(source: Source) -> Site | None:
    """The built-in site that a source's documents are of, if they are of one."""
    if source.kind == "demo":
        from papertune.demo.venue import Venue  # its grammar takes a while to read

        return Venue(source)
    host = urlsplit(str(getattr(source, "url", ""))).hostname
    return Encyclopaedia() if host in Encyclopaedia.hosts else None


@contextmanager
def served(site: Site) -> Iterator[Running]:
    """Serve a site while the block runs.

    Only processes of this account are answered. The port is whatever is free; urls stay the same
    because requests are sent to it by host name (``PoliteSession(hosts=…)``, the browser's
    :class:`WayOut`).
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
        """Say nothing: the job's log is about documents."""
