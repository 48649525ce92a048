"""A model server that a job starts on its machine, waits for, watches, restarts and ends.

It listens on loopback, where other accounts of the machine can reach it. So it gets a key in its
environment, and the log warns if it does not ask for it. Each connection is checked before anything is
sent: its other end must be a socket that the server has opened.
"""

import ipaddress
import json
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from papertune.errors import ServerError, one_line
from papertune.jobs import loopback, stopping
from papertune.jobs.progress import log_beside
from papertune.owned import anybodys
from papertune.servers.keeper import GRACE
from papertune.servers.place import Place
from papertune.study.settings import filled

HOST = "127.0.0.1"
STARTS = 3  # starts in a row without an answer in between
EVERY = 10.0  # seconds between two log lines while waiting for a server
LAST = 12  # lines of a server's log that an error shows
# variables from which servers read the key that clients must send
KEYS = ("VLLM_API_KEY", "LLAMA_API_KEY", "API_KEY")
# a node may have no network: no requests to the Hub, no usage reports, and listening on loopback only
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_HOST_IP": HOST,
    "GLOO_SOCKET_IFNAME": "lo",
    "NCCL_SOCKET_IFNAME": "=lo",
}
NOTHING = {"model": "none", "prompt": "", "max_tokens": 1}  # a request that costs nothing
_LIBRARY = str(Path(__file__).parents[2])
_TAKEN = ("address already in use", "errno 98", "couldn't bind", "failed to bind")

log = logging.getLogger("papertune")


class Server(Place):
    """A server that is started by a command line on the first call of :meth:`url`.

    Args:
        command: As ``serve`` in an experiment file; ``names`` are the values of its ``$names``.
        where: The key in the experiment file, for errors.
        threads: CPU threads.
        start: Minutes within which it has to answer.
        remove: A folder that is deleted with it, even if the job is killed.
    """

    def __init__(
        self,
        command: str,
        names: Mapping[str, object],
        *,
        where: str,
        threads: int = 1,
        start: float = 30.0,
        remove: Path | None = None,
    ) -> None:
        self.command, self.names, self.where = command, dict(names), where
        self.threads, self.start, self.remove = threads, start, remove
        self.key, self.name = secrets.token_urlsafe(24), "the model server"
        self.log = log_beside("server")
        self.how: dict[str, Any] = {"extensions": {"trace": self._look}}
        self._port, self._from = 0, 0
        self._sockets: set[tuple[str, int]] = set()  # its listening sockets
        self._starts = 0  # since the last answer
        self._keeper: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def url(self) -> str:
        """The base url of its API; starts the server if it does not run (any more).

        Raises:
            Interrupted: the job was asked to stop.
            ServerError: it does not start, or keeps ending.
        """
        with self._lock:
            if self._keeper is None or self._keeper.poll() is not None:
                if self._keeper is not None:
                    log.warning("%s ended with status %s", self.name, self._keeper.returncode)
                self._begin()
            return f"http://{HOST}:{self._port}/v1"

    def client(self, **how: Any) -> httpx.Client:
        """An HTTP client that sends the key and uses no proxy."""
        how = {"headers": {"Authorization": f"Bearer {self.key}"}, "trust_env": False, **how}
        return httpx.Client(**how)

    def answered(self) -> None:
        """Note that it has answered."""
        self._starts = 0

    def unreachable(self, why: str, rests: str) -> ServerError | None:
        """The error for a failed connection; None if the server has died and will be restarted."""
        if self._keeper is not None:
            with suppress(subprocess.TimeoutExpired):
                self._keeper.wait(2)
                return None
        return self._error(f"no connection to the model server: {why}", rests)

    def close(self) -> None:
        """End it with all its child processes."""
        with self._lock:
            if self._keeper is not None:
                self._end()
                self._keeper = None

    def _begin(self) -> None:
        """Start it and wait until it answers; try another port if its own was taken."""
        while True:
            stopping.check()
            self._starts += 1
            if self._starts > STARTS:
                raise self._error(f"the model server ended {STARTS} times without an answer")
            self._launch()
            try:
                if self._is_up():
                    return
            except BaseException:
                self._end()
                raise
            if not self._was_taken():
                status = self._keeper.returncode if self._keeper else None
                raise self._error(f"the model server ended with status {status} before it answered")
            log.warning("port %d was taken by another process; trying another one", self._port)

    def _launch(self) -> None:
        self._port = _free_port()
        words = filled(self.command, **self.names, port=self._port, threads=self.threads)
        # programs of this Python's environment, even if it is not activated
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        if (program := shutil.which(words[0], path=path)) is None:
            hint = "install it into the environment that the job runs in, or give its path"
            raise ServerError(f"no program {words[0]}", where=self.where, hint=hint)
        ours = {
            "OMP_NUM_THREADS": str(self.threads),
            **ENVIRONMENT,
            **dict.fromkeys(KEYS, self.key),
        }
        task = {
            "command": [program, *words[1:]], "environment": {**os.environ, **ours, "PATH": path},
            "remove": str(self.remove or ""),
        }  # fmt: skip
        library = os.pathsep.join(filter(None, [_LIBRARY, os.environ.get("PYTHONPATH")]))
        with open(self.log, "ab", opener=anybodys) as out:
            self._from = out.tell()
            out.write(f"$ {self.command}\n".encode())
            out.flush()
            self._keeper = subprocess.Popen(
                [sys.executable, "-P", "-m", "papertune.servers.keeper"],
                stdin=subprocess.PIPE,  # its end ends the server
                stdout=out,
                stderr=out,
                env=os.environ | {"PYTHONPATH": library},
                start_new_session=True,
            )
        assert self._keeper.stdin is not None
        with suppress(BrokenPipeError):
            self._keeper.stdin.write(json.dumps(task).encode() + b"\n")
            self._keeper.stdin.flush()
        log.info("starting %s: %s (log: %s)", self.name, one_line(self.command), self.log)

    def _is_up(self) -> bool:
        """Wait until it answers; False if it has ended.

        Raises:
            ServerError: it does not answer in time, or can be reached from other machines.
        """
        assert self._keeper is not None
        began = told = time.monotonic()
        with self.client(timeout=5.0) as client:
            while self._keeper.poll() is None:
                stopping.check()
                self._sockets = self._own_sockets()
                if self._sockets and self._answers(client):
                    log.info("%s answers after %.0f s", self.name, time.monotonic() - began)
                    self._see_the_key(client)
                    return True
                now = time.monotonic()
                if now - began > 60 * self.start:
                    what = f"the model server did not answer within {self.start:g} minutes"
                    raise self._error(what, "if it needs longer, raise start (minutes)")
                if now - told >= EVERY:
                    log.info("%s: waiting for %.0f s (%s)", self.name, now - began, self._last(1))
                    told = now
                time.sleep(stopping.LOOK)
        return False

    def _answers(self, client: httpx.Client) -> bool:
        for path in ("health", "v1/models"):  # the first that it has
            try:
                found = client.get(f"http://{HOST}:{self._port}/{path}", **self.how)
            except httpx.HTTPError:
                return False
            if found.status_code not in (404, 405):
                return found.status_code == 200
        return True

    def _see_the_key(self, client: httpx.Client) -> None:
        """Warn if it also answers requests without its key."""
        url, wrong = f"http://{HOST}:{self._port}/v1/completions", {"Authorization": "Bearer none"}
        with suppress(httpx.HTTPError):
            found = client.post(url, headers=wrong, json=NOTHING, **self.how)
            if found.status_code in (401, 403):
                return
        log.warning(
            "%s checks no key: while it runs, other accounts of this machine can use it, too",
            self.name,
        )

    def _own_sockets(self) -> set[tuple[str, int]]:
        """Its listening sockets on its port; empty if another process listens there, too.

        Raises:
            ServerError: other machines can reach it.
        """
        found, numbers = self._at_host(), self._numbers()
        own = {one for one in loopback.listeners(self._port) if one[1] in numbers}
        for address, _ in own:
            if not ipaddress.ip_address(address).is_loopback:
                hint = f"make it listen on {HOST}: most servers take --host {HOST}"
                what = f"the model server listens on {address}, where other machines reach it"
                raise self._error(what, hint)
        return found if found <= own else set()

    def _at_host(self) -> set[tuple[str, int]]:
        """The listening sockets, of any process, that a connection to it can reach."""
        reached = (HOST, "0.0.0.0", "::")
        return {one for one in loopback.listeners(self._port) if one[0] in reached}

    def _numbers(self) -> set[int]:
        """Inode numbers of the open sockets of the server's processes."""
        numbers = set()
        with suppress(psutil.Error):
            assert self._keeper is not None
            for process in psutil.Process(self._keeper.pid).children(recursive=True):
                for file in Path(f"/proc/{process.pid}/fd").glob("*"):
                    with suppress(OSError, ValueError):
                        kind, _, number = os.readlink(file).partition(":[")
                        if kind == "socket":
                            numbers.add(int(number.rstrip("]")))
        return numbers

    def _look(self, event: str, info: Mapping[str, Any]) -> None:
        """Check before anything is sent over a connection that the server is at its other end."""
        if event == "connection.connect_tcp.complete":
            listening = self._at_host()
            if not listening or listening != self._sockets:
                raise httpx.ConnectError(f"port {self._port} now belongs to another process")

    def _was_taken(self) -> bool:
        said = self._last(LAST).lower()
        return any(sign in said for sign in _TAKEN) or bool(self._at_host())

    def _end(self) -> None:
        keeper = self._keeper
        assert keeper is not None and keeper.stdin is not None
        with suppress(BrokenPipeError):
            keeper.stdin.close()
        end = time.monotonic() + GRACE + 5
        while keeper.poll() is None and time.monotonic() < end:
            stopping.requested()  # nothing to do: it is being ended already
            time.sleep(0.05)

    def _last(self, lines: int) -> str:
        """The last lines of its log since it was started."""
        with suppress(OSError), self.log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(self._from, size - 8000))
            said = stream.read().decode("utf-8", "replace").splitlines()
            told = [self.shown(line) for line in said if line.strip()]
            return "\n    ".join(told[-lines:])
        return ""

    def _error(self, what: str, hint: str = "") -> ServerError:
        said = f"{what}; its last lines:\n    {self._last(LAST)}"
        whole = f"its whole log is {self.log}"
        return ServerError(said, where=self.where, hint=f"{hint}; {whole}" if hint else whole)


def _free_port() -> int:
    """A port that is free now; another process may take it before the server does."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
