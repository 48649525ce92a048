"""Parse untrusted input in a child process, so that harmful input affects nothing else.

A page, a PDF, a post or a model's reply can be crafted to take hours or all memory, or to crash
the process that parses it. One child parses many inputs in turn, and is replaced when it dies or
is killed. It exchanges JSON only (process pools unpickle replies, which would let a compromised
child run code), has no keys in its environment, and ends with the process that started it,
however that ends.
"""

import fcntl
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name
from queue import Empty, LifoQueue
from typing import Any

from papertune.errors import PapertuneError
from papertune.files import atomic_write, from_json
from papertune.identity import fingerprint
from papertune.jobs import stopping
from papertune.owned import NotOwned, own, tell

SECONDS = 30.0  # CPU time for one text: pages take less than 1 s, a listing of 10 MB 7 s
PATIENCE = 10  # limit on wall time as a multiple of CPU time, for busy machines
MEGABYTES = 1000  # including the child's own 60: a page takes < 100, a listing of 10 MB 200
TIRED = 0.3  # fraction of that above which a child is replaced before the next text
LOOK = 0.05  # seconds between two checks of a child: memory grows by 100 MB meanwhile
LONGEST = 64_000_000  # bytes of a reply: 60 pages full of letters
LASTING = ("parse_time", "parse_memory", "parse_died", "parse_failed")
_LIBRARY = str(Path(__file__).parents[2])
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_", "LD_LIBRARY", "DYLD_", "PYTHON", "VIRTUAL_ENV")


class Unread(PapertuneError):
    """Input that could not be parsed; ``reason`` is a short word for counting."""

    def __init__(self, reason: str, what: str, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.reason = reason


class Readers(AbstractContextManager["Readers"]):
    """A pool of parsing children, shared by a job's threads; each starts when needed.

    Args:
        unread: The folder that records inputs that ended a child, one file each, so that they are
            not parsed again. Without it, nothing is recorded.
        most: Maximum of children at once.
        seconds: CPU time for one text, by default.
        check: Called while a child parses; an exception from it ends the child.
    """

    def __init__(
        self,
        unread: str | Path | None = None,
        *,
        most: int = 1,
        seconds: float = SECONDS,
        check: Callable[[], None] = stopping.check,
    ) -> None:
        self.unread, self.seconds, self.check = unread and Path(unread), seconds, check
        # last in, first out, so that no more children are started than needed
        self._idle: LifoQueue[_Child | None] = LifoQueue()
        for _ in range(most):
            self._idle.put(None)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children; a busy child is ended by its thread."""
        with suppress(Empty):
            found = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
            for child in found:
                if child is not None:
                    child.end()
                self._idle.put(None)

    def read(
        self,
        work: Callable[..., Any],
        *given: Any,
        of: str = "",
        seconds: float | None = None,
        **named: Any,
    ) -> Any:
        """Call a function in a child; arguments and result are converted to JSON.

        Args:
            work: A function of a module of this library.
            given: Its positional arguments.
            of: The key under which a failure is recorded.
            seconds: CPU time.
            named: Its keyword arguments.

        Raises:
            Unread: it took too long or too much memory, ended the child, or raised an error without
                a ``reason`` of its own; these failures are recorded.
            PapertuneError: no child process works.
        """
        seconds = self.seconds if seconds is None else seconds
        kept = self._file(work, of, seconds)
        _check(kept)
        child = self._take()
        try:
            for attempt in (1, 2):
                # a child may have died from an outside cause
                child = child if child is not None and child.alive else _Child()
                try:
                    return child.read([_name(work), given, named], seconds, self.check)
                except Unread as error:
                    if error.reason == "parse_died" and attempt == 1:
                        continue
                    if error.reason not in LASTING or kept is None:
                        raise
                    with atomic_write(kept) as stream:
                        stream.write(f"{error.reason}: {error.what}\n")
                    raise _remembered(kept, error.reason, error.what) from None
        finally:
            self._idle.put(child if child is not None and child.alive else None)

    def known(self, work: Callable[..., Any], of: str) -> None:
        """Raise Unread if it is recorded that this cannot be parsed."""
        _check(self._file(work, of, self.seconds))

    def _file(self, work: Callable[..., Any], of: str, seconds: float) -> Path | None:
        if not self.unread or not of:
            return None
        return self.unread / f"{fingerprint([_name(work), of, seconds, MEGABYTES])}.txt"

    def _take(self) -> "_Child | None":
        while True:
            self.check()
            with suppress(Empty):
                return self._idle.get(timeout=stopping.LOOK)


def _name(work: Callable[..., Any]) -> str:
    return f"{work.__module__}:{work.__qualname__}"


def _check(kept: Path | None) -> None:
    """Raise Unread if a file records it."""
    if kept is None:
        return
    try:
        with open(kept, encoding="utf-8", errors="replace", opener=own) as stream:
            reason, _, what = stream.read(1000).strip().partition(": ")
    except FileNotFoundError:
        return
    except NotOwned as error:
        return tell(error)
    if reason in LASTING:
        raise _remembered(kept, reason, what)


def _remembered(kept: Path, reason: str, what: str) -> Unread:
    return Unread(reason, what, f"it is not tried again; to retry, delete {kept} and force the job")


class _Child:
    """One parsing process; time and memory are watched while waiting for it."""

    def __init__(self) -> None:
        import psutil

        ours = {name: text for name, text in os.environ.items() if name.startswith(_KEPT)}
        library = os.pathsep.join(filter(None, [_LIBRARY, os.environ.get("PYTHONPATH")]))
        # nothing is ever written to this pipe: its closing tells the child, even one stuck in a
        # library, that nobody waits any more
        ours_ends, self._life = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(ours_ends)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=ours | {"PYTHONPATH": library, "OMP_NUM_THREADS": "1"},
                pass_fds=[ours_ends],
            )
        finally:
            os.close(ours_ends)
        self._taken = psutil.Process(self.process.pid)
        self._waiting = select.poll()
        self._waiting.register(self.process.stdout, select.POLLIN)  # type: ignore[arg-type]

    @property
    def alive(self) -> bool:
        """Whether the child is running."""
        return self.process.poll() is None

    def end(self) -> None:
        """Kill the child."""
        self.process.kill()
        self.process.wait()
        os.close(self._life)
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def read(self, asked: Any, seconds: float, check: Callable[[], None]) -> Any:
        """The reply, as in :meth:`Readers.read`; without a reply, the child has been ended."""
        try:
            answer = from_json(self._answer(json.dumps(asked, default=str), seconds, check))
        except ValueError:
            self.end()
            raise Unread("parse_died", "its reply is not JSON") from None
        except BaseException:
            self.end()
            raise
        if self._taken.memory_info().rss > TIRED * MEGABYTES * 1e6:
            self.end()
        if "reason" in answer:
            raise Unread(str(answer["reason"]), str(answer["what"]))
        return answer["made"]

    def _answer(self, asked: str, seconds: float, check: Callable[[], None]) -> bytes:
        assert self.process.stdin is not None and self.process.stdout is not None
        out, parts, size = self.process.stdout.fileno(), list[bytes](), 0
        began, before = time.monotonic(), -1.0
        with suppress(BrokenPipeError):
            self.process.stdin.write(asked.encode() + b"\n")
            self.process.stdin.flush()
        while size <= LONGEST:
            if self._waiting.poll(1000 * LOOK):
                parts.append(os.read(out, 1 << 20))
                size += len(parts[-1])
                if parts[-1].endswith(b"\n"):
                    return b"".join(parts)
                if not parts[-1]:
                    raise self._died()
                continue
            check()
            used = sum(self._taken.cpu_times()[:2])
            before = used if before < 0 else before  # most replies come before the first check
            if used - before > seconds or time.monotonic() - began > PATIENCE * seconds:
                what = f"parsing was stopped after {seconds:g} s"
                raise Unread("parse_time", what)
            if self._taken.memory_info().rss > MEGABYTES * 1e6:
                break
        raise Unread("parse_memory", f"parsing was stopped at {MEGABYTES} MB of memory")

    def _died(self) -> PapertuneError:
        status = self.process.wait()
        if status >= 0:  # it exited by itself, which no text can cause
            hint = "see its message above; is the installation complete (make install)?"
            return PapertuneError(f"the parsing process ended with status {status}", hint=hint)
        name = signal.Signals(-status).name
        return Unread("parse_died", f"parsing it ended the parsing process ({name}), twice")


def _serve(life: int) -> None:
    """The child's loop; ends when its pipe closes."""
    # these signals are for the job, which then ends this process
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)  # SIGIO ends it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # limits memory that grows faster than the parent checks
    limit = int(4e6 * MEGABYTES)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with replies
    for line in asked:
        answers.write(_made(*from_json(line)) + b"\n")
        answers.flush()


def _made(name: str, given: list[Any], named: dict[str, Any]) -> bytes:
    assert name.startswith("papertune.")
    reader = resolve_name(name)
    try:
        return json.dumps({"made": reader(*given, **named)}, default=asdict).encode()
    except MemoryError:
        answer = {"reason": "parse_memory", "what": "parsing took more memory than allowed"}
    except TimeoutError:  # from a library with its own time limit
        answer = {"reason": "parse_time", "what": "parsing took more time than allowed"}
    except OSError as error:
        answer = {"reason": "unreadable", "what": error.strerror or str(error)}
    except PapertuneError as error:
        answer = {"reason": getattr(error, "reason", "parse_failed"), "what": error.what}
    except Exception as error:  # parsers raise anything on unexpected input
        answer = {"reason": "parse_failed", "what": f"{type(error).__name__}: {error}"[:300]}
    return json.dumps(answer).encode()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
