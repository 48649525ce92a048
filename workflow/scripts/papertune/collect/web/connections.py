"""Connections to allowed addresses only, and a time limit for the headers of a response.

All uses of internals of urllib3 (seen on 2.8) and http.client are in this module;
tests/unit/project/test_other_libraries.py fails when a version no longer has them.
"""

import socket
import time
from functools import partial
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from papertune.collect.web.addresses import Allowed

HEAD = 3  # times the timeout: the limit for all headers of a response


class GuardedAdapter(HTTPAdapter):
    """Check addresses before connecting, or raise PrivateAddress; proxies are the user's choice."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As usual, with guarded connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            pool.scheme: type(
                pool.__name__, (pool,), {"ConnectionCls": partial(self._guarded, pool)}
            )
            for pool in (HTTPConnectionPool, HTTPSConnectionPool)
        }

    def _guarded(self, pool: Any, *args: Any, **kwargs: Any) -> Any:
        """urllib3's connection, to checked addresses only."""
        own = pool.ConnectionCls(*args, **kwargs)

        def connect() -> socket.socket:
            how = (own.timeout, own.source_address, own.socket_options)
            try:
                # not by name: it would be resolved again, perhaps to another address
                return self._allowed.connect(own._dns_host, own.port, *how)
            except socket.gaierror as error:
                raise NameResolutionError(own.host, own, error) from error
            except TimeoutError as error:
                raise ConnectTimeoutError(own, f"{own.host} does not answer") from error
            except OSError as error:
                raise NewConnectionError(own, f"no connection to {own.host}: {error}") from error

        own.response_class, own._new_conn = _PromptHead, connect
        return own


class _PromptHead(HTTPResponse):
    """A response whose headers must arrive in time; the timeout alone is for each part of them."""

    def begin(self) -> None:
        stream: Any = self.fp.raw
        read, timeout = stream.readinto, stream._sock.gettimeout()
        end = time.monotonic() + HEAD * timeout if timeout else float("inf")

        def readinto(buffer: Any) -> Any:
            if time.monotonic() > end:
                raise TimeoutError("the headers of the response did not arrive in time")
            return read(buffer)

        stream.readinto = readinto
        try:
            super().begin()
        finally:
            del stream.readinto  # the body has its own time limit


def has_no_end(raw: Any) -> bool:
    """Whether a compressed body was cut off, which urllib3 does not notice."""
    decoder: Any = getattr(raw, "_decoder", None)
    return getattr(decoder, "_state", None) == 0 and not decoder._obj.eof
