"""Access control of the page: loopback, a secret token in the address, this account's processes.

On a login node, every account reaches loopback, and so does every page in a browser there. The
token is part of the path below which the whole page is served. There is no cookie, because
browsers would send it to other ports of the machine as well.
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
}  # allowed Host names; any other may be a DNS rebinding attack
CHARTS = "'unsafe-eval'"  # needed by pages that compile their charts from text
HEADERS = {
    # gradio's page has its settings as an inline script, and inline styles
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "object-src 'none'; frame-ancestors 'none'; form-action 'none'",
    "referrer-policy": "no-referrer",  # the referrer would reveal the token
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",  # the browser's cache would store the token
}
REFUSED = (
    "403: only the account that started this page may open it. Use the whole address that `make "
    "chat` printed, with the token.\n"
)

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Door:
    """An ASGI wrapper that passes on only requests with the token."""

    def __init__(self, app: App, token: str, scripts: str = "") -> None:
        """``scripts`` extends the ``script-src`` of :data:`HEADERS`."""
        self.app, self.token = app, token
        name = "content-security-policy"
        may = f"script-src {scripts}".strip()
        self.headers = HEADERS | {name: HEADERS[name].replace("script-src", may)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on permitted requests; refuse all others alike, whether or not the path exists."""
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
    """Whether the client is a process of this account or of root."""
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
    """Open a socket on loopback; port 0 takes any free port.

    Raises:
        PapertuneError: the port is taken, or reserved for root.
    """
    found = socket.socket()
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((LOOPBACK, port))
        found.listen()  # requests may arrive before the page is made
    except OSError as error:
        found.close()
        what, hint = f"cannot listen: {error.strerror}", "set another PORT=, or leave it out"
        raise PapertuneError(what, where=f"{LOOPBACK}:{port}", hint=hint) from None
    return found


def way_here(port: int) -> str:
    """How to reach a port of this machine from another one, for users logged in remotely."""
    here, user = socket.gethostname(), os.environ.get("USER", "you")
    over = os.environ.get("SLURM_SUBMIT_HOST", here)
    if over == here and "SSH_CONNECTION" not in os.environ:
        return ""
    jump = "" if over == here else f"-J {user}@{over} "
    return (
        "For a browser on another machine, first run there:\n"
        f"  ssh -N -L {port}:{LOOPBACK}:{port} {jump}{user}@{here}\n"
    )


def open_page(make: Callable[[str], App], port: int, scripts: str = "") -> None:
    """Print a page's address, and serve the page until interrupted.

    Args:
        make: Makes the page, below the path of the given token.
        port: The port to listen on; 0 for any free port.
        scripts: As in :class:`Door`.
    """
    token = secrets.token_urlsafe(32)
    with listening(port) as listener:
        app = make(token)
        port = listener.getsockname()[1]
        # printed, never opened: other accounts can read a browser's command line
        print(f"The page, private to your account, until Ctrl-C: http://{LOOPBACK}:{port}/{token}/")
        print(way_here(port), end="", flush=True)
        serve(app, token, listener, scripts)


def serve(app: App, token: str, listener: socket.socket, scripts: str = "") -> None:
    """Serve an application behind a :class:`Door` until interrupted."""
    import uvicorn

    config = uvicorn.Config(
        Door(app, token, scripts), log_level="warning", access_log=False, server_header=False, ws="none",
        # otherwise a header could set the client's address
        proxy_headers=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])
