"""Compare the time of a crawl with the minimum set by the pauses between requests.

    python benchmarks/crawl.py [--pages 500] [--hosts 4] [--delay 0.1] [--latency 0] [--threads 8]

Serves pages on several loopback addresses, each its own host, requests all of them through the
polite session in threads, and prints the time, the lower bound (the largest number of requests to
one host, including robots.txt, times the delay) and their ratio. Exits with status 1 if the ratio
is above 1.1, or if two requests to one host came closer together than the delay.
"""

import argparse
import itertools
import sys
import tempfile
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from papertune.collect.web.per_host_pool import host_key, map_per_host
from papertune.collect.web.session import PoliteSession
from papertune.study.settings import Fetching

WORST = 1.1


class Handler(BaseHTTPRequestHandler):
    """Serves a page for every path, after the latency."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    times: defaultdict[str, list[float]] = defaultdict(list)
    latency = 0.0

    def do_GET(self) -> None:
        """Answer."""
        self.times[self.connection.getsockname()[0]].append(time.monotonic())
        time.sleep(self.latency)
        found = self.path != "/robots.txt"
        body = b"<html><body><h2>Abstract</h2><p>Text.</p></body></html>" if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    Handler.latency = options.latency

    addresses = [f"127.0.0.{number}" for number in range(1, options.hosts + 1)]
    servers = [ThreadingHTTPServer((address, 0), Handler) for address in addresses]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sites = [f"http://{server.server_address[0]}:{server.server_port}" for server in servers]
    urls = [f"{sites[number % len(sites)]}/{number}" for number in range(options.pages)]
    fetching = Fetching(
        contact="tests@papertune.example",
        delay=options.delay,
        hosts=options.threads,
        allow_hosts=addresses,
    )
    with tempfile.TemporaryDirectory() as folder, PoliteSession(fetching, folder) as session:
        start = time.monotonic()
        for _, result in map_per_host(urls, host_key, session.get, threads=fetching.hosts):
            if isinstance(result, Exception):
                raise result
        took = time.monotonic() - start
    most = max(map(len, Handler.times.values()))
    bound = (most - 1) * options.delay  # no pause before the first
    gaps = [b - a for times in Handler.times.values() for a, b in itertools.pairwise(times)]
    print(f"{len(urls)} pages of {len(sites)} hosts in {took:.2f} s, {session.requests} requests")
    print(f"lower bound {bound:.2f} s ({most} requests to one host, {options.delay:g} s apart)")
    print(f"ratio {took / bound:.3f}; shortest pause {min(gaps):.4f} s")
    if took / bound > WORST or min(gaps) < options.delay:
        sys.exit(1)


if __name__ == "__main__":
    main()
