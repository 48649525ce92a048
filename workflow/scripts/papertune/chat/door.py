"""The one way to the page: loopback, an address that nobody can guess, processes of this account.

On a login node every account reaches loopback, and so does each page that a browser there shows. The
address has a token in its path, in which the whole page lies, so that there is no cookie that a
browser would give to other ports of the machine, too.
"""

import hmac
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from papertune.errors import PapertuneError
from papertune.jobs.loopback import accounts

LOOPBACK = "127.0.0.1"
NAMES = {
    LOOPBACK,
    "localhost",
}  # what a browser may call it; other names are those of a site's trick
CHARTS = "'unsafe-eval'"  # what a page needs that makes its charts of texts
HEADERS = {
    # gradio's page writes its settings into itself as a script, and styles
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "object-src 'none'; frame-ancestors 'none'; form-action 'none'",
    "referrer-policy": "no-referrer",  # it would tell the token
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",  # a browser's cache would keep the token
}
REFUSED = (
    "403: this page is its owner's alone. Take the whole address that `make chat` printed, with the "
    "token, from the account that started it.\n"
)

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Door:
    """An application that lets in who has the token, in front of another one (ASGI)."""

    def __init__(self, app: App, token: str, scripts: str = "") -> None:
        """``scripts`` is what the page's scripts may do beyond :data:`HEADERS`."""
        self.app, self.token = app, token
        name = "content-security-policy"
        may = f"script-src {scripts}".strip()
        self.headers = HEADERS | {name: HEADERS[name].replace("script-src", may)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand on what may pass; all else is refused alike, whether there is such a path or not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http" or not self._may(scope):
            await _refuse(scope, send)
        else:
            await self.app(scope, receive, _with_headers(send, self.headers))

    def _may(self, scope: Message) -> bool:
        given = scope["path"].split("/")[1].encode("utf-8", "surrogateescape")
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        named = len(hosts) == 1 and _host(hosts[0]) in NAMES
        return hmac.compare_digest(given, self.token.encode()) and named and _own(scope)


def _host(value: str) -> str:
    try:
        return urlsplit(f"//{value}").hostname or ""
    except ValueError:
        return ""


def _own(scope: Message) -> bool:
    """Whether a process of this account, or root's, is at the other end."""
    ends = (tuple(scope["client"]), tuple(scope["server"]))
    return accounts().get(ends) in (os.getuid(), 0)


async def _refuse(scope: Message, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSED.encode()})


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode()) for name, value in headers.items()]
            kept = [
                one for one in message.get("headers", []) if one[0].decode().lower() not in headers
            ]
            message["headers"] = [*kept, *own]
        await send(message)

    return sent


def listening(port: int) -> socket.socket:
    """A socket on loopback, at any free port where it is 0.

    Raises:
        PapertuneError: the port is taken, or one that only root may take.
    """
    found = socket.socket()
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((LOOPBACK, port))
        found.listen()  # who has the address may come before the page is made
    except OSError as error:
        found.close()
        what, hint = f"cannot listen: {error.strerror}", "take another PORT=, or none: any free one"
        raise PapertuneError(what, where=f"{LOOPBACK}:{port}", hint=hint) from None
    return found


def way_here(port: int) -> str:
    """How a browser elsewhere comes to a port of this machine, for who is logged in from elsewhere."""
    here, user = socket.gethostname(), os.environ.get("USER", "you")
    over = os.environ.get("SLURM_SUBMIT_HOST", here)
    if over == here and "SSH_CONNECTION" not in os.environ:
        return ""
    jump = "" if over == here else f"-J {user}@{over} "
    return (
        "With a browser on another machine, first there:\n"
        f"  ssh -N -L {port}:{LOOPBACK}:{port} {jump}{user}@{here}\n"
    )


def open_page(make: Callable[[str], App], port: int, scripts: str = "") -> None:
    """Print a page's address, and serve the page until this is interrupted.

    Args:
        make: The page, below the path of the token that it is given.
        port: To listen at; any free one where it is 0.
        scripts: As of :class:`Door`.
    """
    token = secrets.token_urlsafe(32)
    with listening(port) as listener:
        app = make(token)
        port = listener.getsockname()[1]
        # printed, never opened: all accounts may read the command line of a browser
        print(f"The page, for you alone, until Ctrl-C: http://{LOOPBACK}:{port}/{token}/")
        print(way_here(port), end="", flush=True)
        serve(app, token, listener, scripts)


def serve(app: App, token: str, listener: socket.socket, scripts: str = "") -> None:
    """Serve an application behind its door until this is interrupted."""
    import uvicorn

    config = uvicorn.Config(
        Door(app, token, scripts), log_level="warning", access_log=False, server_header=False, ws="none",
        # else a header could say who the client is
        proxy_headers=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])
