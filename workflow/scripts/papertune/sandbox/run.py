"""A program in a sandbox: no network, no files but a scratch folder, and limits on all it can use up.

It is run by bubblewrap, or in namespaces by ``unshare`` of util-linux. Within it sees the system's
libraries and Python, read-only, its own processes alone, and a folder in memory to write to; with it go
all its children. Where a machine lets nobody make namespaces nothing is run, unless somebody takes the
risk.
"""

import math
import os
import platform
import secrets
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import psutil

from papertune.errors import PapertuneError

Way = Literal["bubblewrap", "namespaces", "none"]
Fate = Literal["passed", "failed", "time", "memory", "output"]

CAGE = Path(__file__).with_name("cage.sh")
# root has no limit on processes, so that its programs are another's: each is of a user of its own, as
# one's processes are counted together
USERS = range(2**30, 2**31)
COUNTED_APART = (5, 14)  # the Linux from which on processes are counted per namespace
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"}
LOOK = 0.05  # seconds between two looks at its memory


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use up; beyond it is killed."""

    seconds: float = 10.0  # on the clock, and of the processor
    memory: int = 512 * 2**20  # bytes, of all its processes together
    processes: int = 16
    scratch: int = 16 * 2**20  # bytes of files
    output: int = 64 * 2**10  # bytes that it may say


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program."""

    fate: Fate
    said: str  # the end of what it wrote to its output and error output

    @property
    def passed(self) -> bool:
        """Whether it ran to its end without an error."""
        return self.fate == "passed"


class SandboxError(PapertuneError):
    """There is no sandbox on this machine."""


@cache
def way() -> Way:
    """How programs can be kept apart on this machine, found out by trying."""
    for one in ("bubblewrap", "namespaces"):
        with suppress(OSError, subprocess.SubprocessError):
            if _run("pass", Limits(), one).passed:
                return one
    return "none"


def run(program: str, limits: Limits = Limits(), *, allow_unsafe: bool = False) -> Outcome:
    """Run a Python program to its end.

    It has passed if it ran to its last line: one that ends itself before has not, whatever it says.

    Raises:
        SandboxError: it cannot be kept apart, and nobody allowed it to run without.
    """
    chosen = way()
    if chosen == "none" and not allow_unsafe:
        raise SandboxError(
            "programs that a model wrote cannot be kept apart on this machine: it lets nobody make "
            "namespaces",
            hint="install bubblewrap, or run this on a machine that allows user namespaces "
            "(sysctl user.max_user_namespaces); allow_unsafe: true runs them as you",
        )
    return _run(program, limits, chosen)


def _run(program: str, limits: Limits, chosen: Way) -> Outcome:
    word = secrets.token_hex(16)
    driver = (
        f"exec(compile({program!r}, 'program.py', 'exec'), {{'__name__': 'program'}})\n"
        f"print('\\n{word}', flush=True)\n"
    )
    with tempfile.TemporaryDirectory(prefix="papertune-run-") as folder:
        process = subprocess.Popen(
            _command(chosen, limits, folder), cwd=folder, env=ENVIRONMENT, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            fate, said = _watched(process, driver.encode("utf-8", "surrogatepass"), limits)
        finally:
            _kill(process)
    lines = said.decode("utf-8", "replace").rstrip("\n").split("\n")
    if fate is None:
        fate = "passed" if process.returncode == 0 and lines[-1:] == [word] else "failed"
    return Outcome(fate, "\n".join(line for line in lines if line != word).strip())


def _watched(
    process: subprocess.Popen[bytes], given: bytes, limits: Limits
) -> tuple[Fate | None, bytes]:
    """What a program said until it ended by itself (then no fate), or was beyond a limit."""
    assert process.stdin is not None and process.stdout is not None
    said, until = bytearray(), time.monotonic() + limits.seconds
    rest = memoryview(given)
    with selectors.DefaultSelector() as ready:
        for stream, what in ((process.stdin, "write"), (process.stdout, "read")):
            os.set_blocking(stream.fileno(), False)
            ready.register(
                stream, selectors.EVENT_WRITE if what == "write" else selectors.EVENT_READ, what
            )
        while True:
            for key, _ in ready.select(LOOK):
                if key.data == "write":
                    with suppress(BrokenPipeError):
                        rest = rest[os.write(key.fd, rest) :]
                        if rest:
                            continue
                    ready.unregister(process.stdin)
                    process.stdin.close()
                elif part := os.read(key.fd, 65536):
                    said += part
                else:
                    process.wait()
                    return None, bytes(said)
            if len(said) > limits.output:
                return "output", bytes(said[: limits.output])
            if time.monotonic() > until:
                return "time", bytes(said)
            if sum(_sizes(process)) > limits.memory:
                return "memory", bytes(said)


def _sizes(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """Bytes in memory of each of its processes."""
    for one in _family(process):
        with suppress(psutil.Error):
            yield one.memory_info().rss


def _family(process: subprocess.Popen[bytes]) -> list[Any]:
    with suppress(psutil.Error):
        return list(psutil.Process(process.pid).children(recursive=True))
    return []


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With all its children: the first in a namespace of processes takes all others with it."""
    for one in _family(process):
        with suppress(psutil.Error):
            one.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


def _command(chosen: Way, limits: Limits, folder: str) -> list[str]:
    prefix = os.path.realpath(sys.base_prefix)
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    own = () if Path(prefix).is_relative_to("/usr") else (prefix,)
    # what ends it where whoever started it is gone
    seconds = str(math.ceil(limits.seconds) + 2)
    inside = ["timeout", "--signal=KILL", seconds, python, "-I", "-S", "-B", "-"]
    rules = [
        f"--cpu={math.ceil(limits.seconds) + 1}", f"--as={limits.memory}", "--core=0",
        f"--nproc={limits.processes + _crowd()}", f"--fsize={limits.scratch}", "--nofile=64",
    ]  # fmt: skip
    if chosen == "none":
        return ["prlimit", *rules, "--", *inside]
    seen = [path for path in (*SYSTEM, *own) if os.path.lexists(path)]
    if chosen == "bubblewrap":
        bind = (part for path in seen for part in _shown(path))
        return [
            "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
            *(part for item in ENVIRONMENT.items() for part in ("--setenv", *item)), *bind,
            "--proc", "/proc", "--dev", "/dev", "--size", str(limits.scratch), "--tmpfs", "/tmp",
            "--remount-ro", "/", "--chdir", "/tmp", "--", "prlimit", *rules, "--", *inside,
        ]  # fmt: skip
    root = os.geteuid() == 0
    user = str(USERS[secrets.randbelow(len(USERS))]) if root else ""
    spaces = ["--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts"]
    given = [folder, str(limits.scratch), user, ":".join(seen), ":".join(rules), "--"]
    mapped = [] if root else ["--user", "--map-root-user"]
    return ["unshare", *mapped, *spaces, "--", "sh", str(CAGE), *given, *inside]


def _shown(path: str) -> list[str]:
    if os.path.islink(path):
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind", path, path]


def _crowd() -> int:
    """How many processes and threads of this user a limit on its processes counts as well."""
    version = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if version >= COUNTED_APART or os.geteuid() == 0:
        return 0
    found = 0
    for one in psutil.process_iter(["uids", "num_threads"]):
        if one.info["uids"] and one.info["uids"].real == os.getuid():
            found += one.info["num_threads"] or 0
    return found
