"""A model server that a job starts where it runs: waited for, watched, started again, ended.

It listens on loopback, where other accounts of the machine can reach it. So it is told a key, in
its environment, and the log says so where it asks nobody for it; and each connection to it is looked
at before anything is sent: what listens there has to be the socket that the server has opened.
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
STARTS = 3  # one after the other without an answer in between
EVERY = 10.0  # seconds between two lines about one that is waited for
LAST = 12  # lines of a server's log that an error shows
# where servers look for the key that they are to ask for
KEYS = ("VLLM_API_KEY", "LLAMA_API_KEY", "API_KEY")
# a node may have no network: nothing is asked of the Hub, no usage is reported, nothing listens outside
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
NOTHING = {"model": "none", "prompt": "", "max_tokens": 1}  # is asked
_LIBRARY = str(Path(__file__).parents[2])
_TAKEN = ("address already in use", "errno 98", "couldn't bind", "failed to bind")

log = logging.getLogger("papertune")


class Server(Place):
    """One server of a command line; it is started when its :meth:`url` is asked for.

    Args:
        command: As ``serve`` in an experiment file; ``names`` are what stands for its ``$names``.
        where: The key in the experiment file.
        threads: Of the processor.
        start: Minutes in which it has to answer.
        remove: A folder that is deleted with it, also where the job is killed.
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
        self._sockets: set[tuple[str, int]] = set()  # that it listens with
        self._starts = 0  # without an answer
        self._keeper: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def url(self) -> str:
        """Where it can be asked; it is started where it does not run (any more).

        Raises:
            Interrupted: the job was asked to stop.
            ServerError: it does not start, or ends again and again.
        """
        with self._lock:
            if self._keeper is None or self._keeper.poll() is not None:
                if self._keeper is not None:
                    log.warning("%s ended with status %s", self.name, self._keeper.returncode)
                self._begin()
            return f"http://{HOST}:{self._port}/v1"

    def client(self, **how: Any) -> httpx.Client:
        """Who asks it: with its key, and by no proxy."""
        how = {"headers": {"Authorization": f"Bearer {self.key}"}, "trust_env": False, **how}
        return httpx.Client(**how)

    def answered(self) -> None:
        """Take note that it has answered."""
        self._starts = 0

    def unreachable(self, why: str, rests: str) -> ServerError | None:
        """What to raise where it cannot be reached; nothing of one that has died and is started anew."""
        if self._keeper is not None:
            with suppress(subprocess.TimeoutExpired):
                self._keeper.wait(2)
                return None
        return self._error(f"no connection to the model server: {why}", rests)

    def close(self) -> None:
        """End it with all that it has started."""
        with self._lock:
            if self._keeper is not None:
                self._end()
                self._keeper = None

    def _begin(self) -> None:
        """Start it and wait until it answers; on another port where somebody has taken its own."""
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
            log.warning("port %d was taken by another process; the next one is tried", self._port)

    def _launch(self) -> None:
        self._port = _free_port()
        words = filled(self.command, **self.names, port=self._port, threads=self.threads)
        # programs of this Python's environment, also where nobody has activated it
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
        """Wait until it answers; false where it has ended.

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
                    raise self._error(what, "set start (minutes) to more where it takes so long")
                if now - told >= EVERY:
                    log.info("%s: waited for %.0f s (%s)", self.name, now - began, self._last(1))
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
        """Say so where it answers others as well."""
        url, wrong = f"http://{HOST}:{self._port}/v1/completions", {"Authorization": "Bearer none"}
        with suppress(httpx.HTTPError):
            found = client.post(url, headers=wrong, json=NOTHING, **self.how)
            if found.status_code in (401, 403):
                return
        log.warning(
            "%s knows no key: while it runs, other accounts of this machine can ask it, too",
            self.name,
        )

    def _own_sockets(self) -> set[tuple[str, int]]:
        """What it listens with on its port; nothing where somebody else does.

        Raises:
            ServerError: other machines can reach it.
        """
        found, numbers = self._at_host(), self._numbers()
        own = {one for one in loopback.listeners(self._port) if one[1] in numbers}
        for address, _ in own:
            if not ipaddress.ip_address(address).is_loopback:
                hint = f"have it listen on {HOST}: most servers take --host {HOST}"
                what = f"the model server listens on {address}, where other machines reach it"
                raise self._error(what, hint)
        return found if found <= own else set()

    def _at_host(self) -> set[tuple[str, int]]:
        """What a connection to it can end at."""
        reached = (HOST, "0.0.0.0", "::")
        return {one for one in loopback.listeners(self._port) if one[0] in reached}

    def _numbers(self) -> set[int]:
        """The sockets that the server's processes have open."""
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
        """Before anything is sent over a connection: is it the server at its end?"""
        if event == "connection.connect_tcp.complete":
            listening = self._at_host()
            if not listening or listening != self._sockets:
                raise httpx.ConnectError(f"port {self._port} is another process's now")

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
            stopping.requested()  # to end it is what there is to do
            time.sleep(0.05)

    def _last(self, lines: int) -> str:
        """The last lines of what it has said since it was started."""
        with suppress(OSError), self.log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(self._from, size - 8000))
            said = stream.read().decode("utf-8", "replace").splitlines()
            told = [self.shown(line) for line in said if line.strip()]
            return "\n    ".join(told[-lines:])
        return ""

    def _error(self, what: str, hint: str = "") -> ServerError:
        said = f"{what}; its last lines:\n    {self._last(LAST)}"
        whole = f"all that it said stands in {self.log}"
        return ServerError(said, where=self.where, hint=f"{hint}; {whole}" if hint else whole)


def _free_port() -> int:
    """One that nobody has now; somebody may before the server has."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
