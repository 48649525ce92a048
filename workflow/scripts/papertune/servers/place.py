"""Where a server is that runs already, and with what key it is asked."""

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
        ServerError: the url or the key cannot be.
    """

    how: dict[str, Any] = {}  # of each request

    def __init__(self, settings: ServerSettings, where: str) -> None:
        self.name = settings.url.rstrip("/")  # in messages
        address = urlsplit(settings.url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            hint = "write it whole, as http://localhost:8000/v1"
            raise ServerError(f"not an http(s) url: {settings.url!r}", where=where, hint=hint)
        if "@" in address.netloc:
            raise ServerError(
                "the url has a user or password, which would be sent and logged",
                where=where,
                hint="leave it out; a key comes from the variable that key_variable names",
            )
        self.key = key_for(settings.url, settings.key_variable)
        if not (self.key.isascii() and (self.key + "x").isprintable()):
            what = "the key has characters that no header can have"
            hint = f"set the environment variable {settings.key_variable} to the key alone"
            raise ServerError(what, where=where, hint=hint)

    def url(self) -> str:
        """Where it can be asked now, to ``/v1``."""
        return self.name

    def client(self, **how: Any) -> httpx.Client:
        """Who asks it."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.Client(headers=headers, verify=_certificates(), **how)

    def answered(self) -> None:
        """Take note that it has answered."""

    def unreachable(self, why: str, rests: str) -> ServerError | None:
        """What to raise where nobody can be reached; ``rests`` says what is left to do."""
        what = f"no connection to the server: {why}"
        hint = f"start the server (for example `vllm serve` or `ollama serve`), or set url; {rests}"
        return ServerError(what, where=self.name, hint=hint)

    def shown(self, said: str) -> str:
        """What it says in short and in one line, never with the key."""
        return one_line(said.replace(self.key, "***") if self.key else said)[:SHOWN]

    def close(self) -> None:
        """It is asked no more."""


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust: read once, as it takes a while."""
    return httpx.create_ssl_context()
