"""Connections that go where it is allowed, and whose answers begin and end.

All that is taken from inside urllib3 (seen on 2.8) and http.client stands here;
tests/unit/project/test_other_libraries.py fails when a version has it no longer.
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

HEAD = 3  # times the timeout, for the whole head of an answer


class GuardedAdapter(HTTPAdapter):
    """Raises PrivateAddress before a connection; a proxy's own address is the user's choice."""

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
        """urllib3's connection, to addresses that have been judged."""
        own = pool.ConnectionCls(*args, **kwargs)

        def connect() -> socket.socket:
            how = (own.timeout, own.source_address, own.socket_options)
            try:
                # not the name: it would be resolved again, and not to the same
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
    """An answer whose head may not trickle in for ever: the timeout is for each part of it."""

    def begin(self) -> None:
        stream: Any = self.fp.raw
        read, timeout = stream.readinto, stream._sock.gettimeout()
        end = time.monotonic() + HEAD * timeout if timeout else float("inf")

        def readinto(buffer: Any) -> Any:
            if time.monotonic() > end:
                raise TimeoutError("the head of the answer did not come in time")
            return read(buffer)

        stream.readinto = readinto
        try:
            super().begin()
        finally:
            del stream.readinto  # the body has an end of its own


def has_no_end(raw: Any) -> bool:
    """Whether a packed body that was read broke off, which urllib3 takes for a whole one."""
    decoder: Any = getattr(raw, "_decoder", None)
    return getattr(decoder, "_state", None) == 0 and not decoder._obj.eof
