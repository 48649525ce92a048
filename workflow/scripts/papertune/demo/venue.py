"""The demo venue: its pages, and the server on loopback that the job which needs it starts.

There is a DBLP-shaped table of contents and landing pages of several kinds (``pages.html``). What
kind of page a paper has is drawn from a hash of its key, so that it stays the same when others are
published. Three papers are special, each in a year of its own: one page has no abstract, one
answers 429 before it answers 200, one is gone.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from papertune.demo.papers import Paper, papers
from papertune.identity import share
from papertune.jobs.loopback import OwnAccountOnly
from papertune.study.settings.listings import DemoSource

INDEX = urlsplit(DemoSource.url).netloc
LIBRARY = "library.papertune.example"
ROBOTS = "User-agent: *\nDisallow: /private/\n"
KINDS = ("meta", "section", "script", "cut")  # read without a browser, in equal parts
JAVASCRIPT_YEARS = range(2018, 2022)  # when the publisher had many of its pages written by a script
JAVASCRIPT_SHARE = 1 / 3
SPECIAL = {2008: "empty", 2012: "busy", 2016: "gone"}
SPECIAL_PAPER = 3  # which of the year's papers


# ---- pages ------------------------------------------------------------------


def kinds_of(papers: list[Paper]) -> dict[str, str]:
    """Paper key → kind of its landing page, for the papers of one year."""
    kinds = {paper.key: KINDS[int(share(paper.key, "kind") * len(KINDS))] for paper in papers}
    for paper in papers:
        if paper.year in JAVASCRIPT_YEARS and share(paper.key, "browser") < JAVASCRIPT_SHARE:
            kinds[paper.key] = "javascript"
    special = SPECIAL.get(papers[0].year) if papers else None
    if special:
        kinds[papers[min(SPECIAL_PAPER, len(papers) - 1)].key] = special
    return kinds


def contents(papers: list[Paper], year: int, library: str = LIBRARY) -> str:
    """A year's table of contents as DBLP writes it; its first entry is the volume itself."""
    return str(_templates().contents(papers, year, library))


def landing(paper: Paper, kind: str) -> str:
    """A paper's landing page of a kind."""
    return str(_templates().landing(paper, kind))


@cache
def _templates() -> Any:
    from jinja2 import Environment

    text = Path(__file__).with_name("pages.html").read_text("utf-8")
    how = Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    return how.from_string(text).module


# ---- the server -------------------------------------------------------------


@dataclass
class DemoVenue:
    """A running venue: where its host names lead, and how often each path was asked for."""

    hosts: dict[str, tuple[str, int]]
    requests: Counter[str] = field(default_factory=Counter)


@contextmanager
def demo_server(source: DemoSource) -> Iterator[DemoVenue]:
    """Serve the venue while the block runs.

    Only processes of this account are answered. The port is whatever is free; urls stay the same
    because requests are sent to it by host name (``PoliteSession(hosts=…)``, the browser's
    :class:`WayOut`).
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    venue = DemoVenue(dict.fromkeys((INDEX, LIBRARY), ("127.0.0.1", server.server_address[1])))
    server.venue, server.source = venue, source
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield venue
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(OwnAccountOnly, ThreadingHTTPServer):
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
        stem = path.rsplit("/", 1)[-1].removesuffix(".html").removeprefix("pt")
        if path.startswith("/db/conf/pt/") and stem.isdigit():
            year = int(stem)
            return 200, "text/html", contents(_year(self.server.source, year)[0], year)
        first, _, _ = path.strip("/").removeprefix("text/").partition("/")
        listed, kinds = _year(self.server.source, int(first)) if first.isdigit() else ([], {})
        for paper in listed:
            if path == paper.text_path:
                return 200, "application/json", json.dumps({"text": paper.abstract})
            if path == paper.path and kinds[paper.key] == "gone":
                break
            if path == paper.path:
                if kinds[paper.key] == "busy" and self.server.venue.requests[path] == 1:
                    return (
                        429,
                        "text/html",
                        "<!DOCTYPE html><title>Busy</title><p>Too many requests.",
                    )
                return 200, "text/html", landing(paper, kinds[paper.key])
        return 404, "text/html", "<!DOCTYPE html><title>Not found</title><p>No such page."

    def log_message(self, *_: Any) -> None:
        """Say nothing: the job's log is about documents."""


@lru_cache(maxsize=64)
def _year(source: DemoSource, year: int) -> tuple[list[Paper], dict[str, str]]:
    listed = papers(year, source.papers_per_year, source.seed)
    return listed, kinds_of(listed)
