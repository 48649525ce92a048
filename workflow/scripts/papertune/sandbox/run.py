"""Run a program in a sandbox: no network, no files but a scratch folder, and limited resources.

The sandbox is bubblewrap, or namespaces made by ``unshare`` of util-linux, with a filter of system
calls. The program sees the system's libraries and Python, read-only, its own processes only, and a
folder in memory to write to. When it ends, all its children are killed. On a machine that allows no
namespaces, nothing is run, unless the user accepts the risk.

A program has passed if it reached its end. Only there, the driver asks for a secret word and returns
it. A program that ends earlier (``sys.exit(0)`` in an answer) has not passed, whatever it prints, and it
cannot find the word. One gap remains, as answer and tests share a process: a malicious program can act
as the driver, ask for the word and end, or change what its tests compare with. No program does so by
accident, and no design with one process can prevent it.

Memory is checked twenty times a second, so a program can exceed its limit briefly. A bug in the kernel,
which is shared with the user, is a way out of any such sandbox.
"""

import math
import os
import platform
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import psutil

from papertune.errors import PapertuneError
from papertune.sandbox import syscalls

Way = Literal["bubblewrap", "namespaces", "none"]
Fate = Literal["passed", "failed", "time", "memory", "output"]

CAGE, DRIVER = (
    Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("cage.sh", "driver.py")
)
# user ids for programs that root runs: root has no limit on processes, and the processes of one user
# are counted together, so each program gets a user of its own
USERS = range(2**30, 2**31)
COUNTED_APART = (5, 14)  # the first Linux version that counts processes per namespace
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache",
)  # fmt: skip
ELSEWHERE = (
    "install bubblewrap, or run this on a machine that allows user namespaces "
    "(sysctl user.max_user_namespaces); programs.allow_unsafe: true runs them as you"
)
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
LOOK = 0.05  # seconds between two checks of its memory
# limit of wall-clock time as a multiple of CPU time: a program may sleep or the machine be busy, and its
# result must not depend on other load
ON_THE_CLOCK = 3
# exit statuses of a program that used up its CPU time: a signal, or the number that a parent makes of it
OUT_OF_TIME = (-signal.SIGXCPU, 128 + signal.SIGXCPU, 128 + signal.SIGKILL)
SPARE = 2  # further seconds after which it ends by itself if the job is gone


@dataclass(frozen=True, slots=True)
class Limits:
    """The resources of a program; it is killed when it exceeds one."""

    seconds: float = 10.0  # CPU time of each process; ON_THE_CLOCK times as long in wall-clock time
    memory: int = 512 * 2**20  # bytes of all its processes together
    processes: int = 16
    scratch: int = 16 * 2**20  # bytes of files
    output: int = 64 * 2**10  # bytes of its output


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of running a program."""

    fate: Fate
    said: str  # the end of what it wrote to its output and error output

    @property
    def passed(self) -> bool:
        """Whether it ran to its end without an error."""
        return self.fate == "passed"


class SandboxError(PapertuneError):
    """No sandbox works on this machine."""


@cache
def way() -> Way:
    """The sandbox that works on this machine, found by trying; cached."""
    # root needs no user namespace, and would keep more rights in bubblewrap's
    ways: tuple[Way, ...] = ("bubblewrap", "namespaces") if os.geteuid() else ("namespaces",)
    for one in ways:
        with suppress(OSError, SandboxError):
            if run_by(one, "pass", Limits()).passed:
                return one
    return "none"


def run(program: str, limits: Limits = Limits(), *, allow_unsafe: bool = False) -> Outcome:
    """Run a Python program to its end.

    Args:
        program: Source code. It has passed if it reached its end; its ``__name__`` is not ``__main__``.
        allow_unsafe: Without a sandbox, run it as the current user with only limits and filter: it can
            read and change all files of that user, and end processes.

    Raises:
        SandboxError: there is no sandbox, and ``allow_unsafe`` is False.
    """
    chosen = way()
    if chosen == "none" and not allow_unsafe:
        raise SandboxError(
            "programs that a model wrote cannot be isolated on this machine: it does not allow "
            "namespaces",
            hint=ELSEWHERE,
        )
    return run_by(chosen, program, limits)


def run_by(chosen: Way, program: str, limits: Limits) -> Outcome:
    """Run a program as :func:`run`, in the given kind of sandbox.

    Raises:
        SandboxError: the sandbox did not start; this says nothing about the program.
    """
    rules = syscalls.rules(signals=chosen != "none")
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryDirectory(prefix="papertune-run-") as folder:
        with theirs:
            code = f"{DRIVER}\n\nrun({program!r}, {rules!r}, {theirs.fileno()})\n"
            process = subprocess.Popen(
                _command(chosen, limits, folder), cwd=folder, env=ENVIRONMENT,
                start_new_session=True, pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        watched = _Watched(process, ours, memoryview(code.encode("utf-8", "surrogatepass")))
        try:
            fate = watched.until(limits)
        finally:
            _kill(process)
    said = bytes(watched.said[-limits.output :]).decode("utf-8", "replace").strip()
    if fate is None and not watched.told:
        why = "programs that a model wrote cannot be run here, as their sandbox does not start"
        raise SandboxError(f"{why} ({said[-200:]})", hint=ELSEWHERE)
    if fate is None and process.returncode in OUT_OF_TIME:
        fate = "time"
    if fate is None:
        fate = "passed" if process.returncode == 0 and watched.came_to_its_end else "failed"
    return Outcome(fate, said)


@dataclass
class _Watched:
    """A running program, its input and its output."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    rest: memoryview
    said: bytearray = field(default_factory=bytearray)
    told: bytearray = field(default_factory=bytearray)  # received on the channel
    word: bytes = field(default_factory=lambda: secrets.token_hex(16).encode())

    @property
    def came_to_its_end(self) -> bool:
        """Whether it asked for the word and returned it."""
        return bytes(self.told) == b".?" + self.word

    def until(self, limits: Limits) -> Fate | None:
        """Watch it until it ends by itself (None) or exceeds a limit (its fate)."""
        assert self.process.stdin is not None and self.process.stdout is not None
        end, look = time.monotonic() + ON_THE_CLOCK * limits.seconds, time.monotonic() + LOOK
        with selectors.DefaultSelector() as ready:
            ways = (
                (self.process.stdin, selectors.EVENT_WRITE, self._give),
                (self.process.stdout, selectors.EVENT_READ, self._listen),
                (self.channel, selectors.EVENT_READ, self._answer),
            )
            for stream, event, handle in ways:
                os.set_blocking(stream.fileno(), False)
                ready.register(stream, event, handle)
            while True:
                listening = bool(ready.get_map())
                # checked before reading, as output may arrive until the end
                ended = self._ended(0 if listening else LOOK)
                found = ready.select(0 if ended else LOOK) if listening else []
                for key, _ in found:
                    if not key.data(key.fd):
                        ready.unregister(key.fileobj)
                if ended and not found:
                    return None
                now = time.monotonic()
                if len(self.said) > limits.output:
                    return "output"
                if now > end:
                    return "time"
                if now > look:
                    look = now + LOOK
                    if sum(_sizes(self.process)) > limits.memory:
                        return "memory"

    def _ended(self, seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.returncode is not None

    # each returns whether there is more to read or write

    def _give(self, fd: int) -> bool:
        try:
            self.rest = self.rest[os.write(fd, self.rest) :]
        except BrokenPipeError:
            self.rest = self.rest[:0]
        if not self.rest and self.process.stdin is not None:
            self.process.stdin.close()
        return bool(self.rest)

    def _listen(self, fd: int) -> bool:
        part = os.read(fd, 65536)
        self.said += part
        return bool(part)

    def _answer(self, fd: int) -> bool:
        part = b""
        with suppress(OSError):
            part = self.channel.recv(64)
        self.told += part
        if part and bytes(self.told) == b".?":
            with suppress(OSError):
                self.channel.send(self.word)
        return bool(part) and len(self.told) < 64


def _sizes(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """Resident bytes of each of its processes."""
    for one in _family(process):
        with suppress(psutil.Error):
            yield one.memory_info().rss


def _family(process: subprocess.Popen[bytes]) -> list[Any]:
    with suppress(psutil.Error):
        return list(psutil.Process(process.pid).children(recursive=True))
    return []


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it with all its children; the first process of a PID namespace takes all others with it."""
    for one in _family(process) if process.poll() is None else []:
        with suppress(psutil.Error):
            one.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


def _command(chosen: Way, limits: Limits, folder: str) -> list[str]:
    prefix = os.path.realpath(sys.base_prefix)
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    own = () if Path(prefix).is_relative_to("/usr") else (prefix,)
    seconds, root = math.ceil(limits.seconds), os.geteuid() == 0
    inside = [
        *("timeout", "--signal=KILL", str(ON_THE_CLOCK * seconds + SPARE)), python, "-I", "-S", "-B", "-",
    ]  # fmt: skip
    rules = [
        f"--cpu={seconds}", f"--as={limits.memory}", "--core=0", "--nofile=64",
        f"--nproc={limits.processes + _crowd()}", f"--fsize={limits.scratch}",
    ]  # fmt: skip
    user = str(USERS[secrets.randbelow(len(USERS))]) if root else ""
    if chosen == "none":
        other = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
        if root:
            os.chown(folder, int(user), -1)
        return ["prlimit", *rules, "--", *other * root, *inside]
    seen = [path for path in (*SYSTEM, *own) if os.path.lexists(path)]
    if chosen == "bubblewrap":
        bind = (part for path in seen for part in _shown(path))
        return [
            "bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent",
            "--new-session", *bind, "--proc", "/proc", "--dev", "/dev",
            *("--size", str(limits.scratch), "--tmpfs", "/tmp", "--remount-ro", "/"),
            "--chdir", "/tmp", "--", "prlimit", *rules, "--", *inside,
        ]  # fmt: skip
    spaces = ["--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts"]
    mapped = [] if root else ["--user", "--map-root-user"]
    given = [folder, str(limits.scratch), user, ":".join(seen), ":".join(rules), "--"]
    return ["unshare", *mapped, *spaces, "--", "sh", "-c", CAGE, "sh", *given, *inside]


def _shown(path: str) -> list[str]:
    if os.path.islink(path):
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind", path, path]


def _crowd() -> int:
    """Number of other processes and threads of this user that the limit on processes also counts."""
    version = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if version >= COUNTED_APART or os.geteuid() == 0:
        return 0
    found = 0
    for one in psutil.process_iter(["uids", "num_threads"]):
        if one.info["uids"] and one.info["uids"].real == os.getuid():
            found += one.info["num_threads"] or 0
    return found
