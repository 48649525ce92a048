"""The browser's way out: a SOCKS proxy on loopback that judges every address before it connects.

A page may load, redirect to or connect to anything, over HTTP, TLS or WebSocket. Chromium leaves
names to a SOCKS proxy to resolve, so nothing that it asks for passes by what is judged here.
"""

import ipaddress
import selectors
import socket
import socketserver
import threading
from contextlib import suppress

from papertune.collect.web.addresses import Allowed, PrivateAddress

# RFC 1928
VERSION, CONNECT, NO_PASSWORD = 5, 1, 0
IPV4, NAME, IPV6 = 1, 3, 4
GRANTED, FORBIDDEN, UNREACHABLE, NO_SUCH_COMMAND = 0, 2, 4, 7


class SocksProxy(socketserver.ThreadingTCPServer):
    """Runs until it is closed; ``timeout`` are seconds to connect."""

    daemon_threads = True
    block_on_close = False  # a browser may keep connections open
    request_queue_size = 64

    def __init__(self, allowed: Allowed, timeout: float) -> None:
        self.allowed, self.patience = allowed, timeout
        self.refused: PrivateAddress | None = None  # the last one; whoever asks forgets it before
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Let nothing through any more."""
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A browser that hangs up is no error."""


class _Handler(socketserver.StreamRequestHandler):
    server: SocksProxy

    def handle(self) -> None:
        _, methods = self._read(2)
        self._read(methods)
        self.request.sendall(bytes([VERSION, NO_PASSWORD]))
        _, command, _, kind = self._read(4)
        if kind == NAME:
            host = self._read(self._read(1)[0]).decode("ascii", "replace")
        else:
            host = str(ipaddress.ip_address(self._read(4 if kind == IPV4 else 16)))
        port = int.from_bytes(self._read(2), "big")
        if command != CONNECT:
            return self._answer(NO_SUCH_COMMAND)
        try:
            there = self.server.allowed.connect(host, port, self.server.patience)
        except PrivateAddress as error:
            self.server.refused = error
            return self._answer(FORBIDDEN)
        except OSError:
            return self._answer(UNREACHABLE)
        with there:
            self._answer(GRANTED)
            there.settimeout(None)
            _pass_on(self.request, there)

    def _read(self, count: int) -> bytes:
        data = self.rfile.read(count)
        if len(data) < count:
            raise ConnectionError("the browser hung up")
        return data

    def _answer(self, status: int) -> None:
        self.request.sendall(bytes([VERSION, status, 0, IPV4, 0, 0, 0, 0, 0, 0]))


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Both ways, until both have ended or one breaks."""
    with selectors.DefaultSelector() as selector, suppress(OSError):
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while selector.get_map():
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if data:
                    key.data.sendall(data)
                else:
                    selector.unregister(key.fileobj)
                    key.data.shutdown(socket.SHUT_WR)
