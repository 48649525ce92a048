"""The address and key of a server that runs already."""

import ssl
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from papertune.errors import ServerError, one_line
from papertune.jobs.keys import key_for
from papertune.servers.refusals import SHOWN
from papertune.study.settings import ServerSettings


class Place:
    """A server at the ``url`` of settings.

    Raises:
        ServerError: the url or the key is not valid.
    """

    how: dict[str, Any] = {}  # further arguments of each request

    def __init__(self, settings: ServerSettings, where: str) -> None:
        self.name = settings.url.rstrip("/")  # in messages
        address = urlsplit(settings.url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            hint = "write the whole url, as http://localhost:8000/v1"
            raise ServerError(f"not an http(s) url: {settings.url!r}", where=where, hint=hint)
        if "@" in address.netloc:
            raise ServerError(
                "the url has a user or password, which would be sent and logged",
                where=where,
                hint="leave it out; a key comes from the variable that key_variable names",
            )
        self.key = key_for(settings.url, settings.key_variable)
        if not (self.key.isascii() and (self.key + "x").isprintable()):
            what = "the key has characters that a header must not have"
            hint = f"set the environment variable {settings.key_variable} to the key alone"
            raise ServerError(what, where=where, hint=hint)

    def url(self) -> str:
        """The current base url of the API, often ending in ``/v1``."""
        return self.name

    def client(self, **how: Any) -> httpx.Client:
        """An HTTP client that sends the key."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.Client(headers=headers, verify=_certificates(), **how)

    def answered(self) -> None:
        """Note that the server has answered."""

    def unreachable(self, why: str, rests: str) -> ServerError | None:
        """The error for a failed connection; ``rests`` tells the user how to go on."""
        what = f"no connection to the server: {why}"
        hint = f"start the server (for example `vllm serve` or `ollama serve`), or set url; {rests}"
        return ServerError(what, where=self.name, hint=hint)

    def shown(self, said: str) -> str:
        """A server's message, shortened to one line and without the key."""
        return one_line(said.replace(self.key, "***") if self.key else said)[:SHOWN]

    def close(self) -> None:
        """Release the server after the last request."""


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates; read once, as this takes a while."""
    return httpx.create_ssl_context()
