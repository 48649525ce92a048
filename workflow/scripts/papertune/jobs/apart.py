"""What strangers wrote is parsed apart, in a child: what does it harm costs itself and nothing else.

A page, a PDF, a post or a model's reply can be made to take hours or all memory, or to end the
process that reads it. One child reads many, one after the other, and is replaced when it dies or
has to be ended. It gets JSON and gives JSON (libraries with pools of processes take pickles from
them: the code of whoever has got hold of the child), has no keys in its environment, and ends with
the process that started it, however that ends.
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

SECONDS = 30.0  # of the processor for one text: pages take less than one, a listing of 10 MB seven
PATIENCE = 10  # times as long may it take by the clock, on a machine that is busy
MEGABYTES = 1000  # with the child's own 60: a page takes less than 100, a listing of 10 MB 200
TIRED = 0.3  # of that: with more it is replaced, so that the next text has all of it
LOOK = 0.05  # seconds between two looks at a child: memory grows by 100 MB meanwhile
LONGEST = 64_000_000  # bytes of what is read: 60 pages full of letters
LASTING = ("parse_time", "parse_memory", "parse_died", "parse_failed")
_LIBRARY = str(Path(__file__).parents[2])
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_", "LD_LIBRARY", "DYLD_", "PYTHON", "VIRTUAL_ENV")


class Unread(PapertuneError):
    """What could not be read; ``reason`` is a short word that is counted."""

    def __init__(self, reason: str, what: str, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.reason = reason


class Readers(AbstractContextManager["Readers"]):
    """Children that read, shared by a job's threads; each starts when it is needed.

    Args:
        unread: The folder that says what was the end of a child, so that it is not read again; a
            file for each. Nothing is remembered where it is not given.
        most: Children at once.
        seconds: Of the processor for one text, where nothing else is said.
        check: Is called while a child reads; what it raises ends the child.
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
        # the last that was given back is the first to be taken, so that no more are started
        self._idle: LifoQueue[_Child | None] = LifoQueue()
        for _ in range(most):
            self._idle.put(None)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children; one that reads is ended by its thread."""
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
        """What a function makes of what it is given: JSON values, or made to be some.

        Args:
            work: A function of a module of this library.
            given: Its arguments, as those by name.
            of: Under what it is remembered that this cannot be read.
            seconds: Of the processor.
            named: Its arguments by name.

        Raises:
            Unread: it took too long, too much memory, ended the child, or raised an error (these are
                remembered) that has no ``reason`` of its own.
            PapertuneError: there is no child that works.
        """
        seconds = self.seconds if seconds is None else seconds
        kept = self._file(work, of, seconds)
        _check(kept)
        child = self._take()
        try:
            for attempt in (1, 2):
                # what a child dies of may have come from elsewhere
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
        """Raise Unread where it is remembered that this cannot be read."""
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
    """Raise Unread where a file says so."""
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
    return Unread(reason, what, f"it is not read again; delete {kept} and force the job, and it is")


class _Child:
    """One process that reads; it is waited for with an eye on what it takes."""

    def __init__(self) -> None:
        import psutil

        ours = {name: text for name, text in os.environ.items() if name.startswith(_KEPT)}
        library = os.pathsep.join(filter(None, [_LIBRARY, os.environ.get("PYTHONPATH")]))
        # nothing is ever written to it: its end tells the child, even one that is lost in a
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
        """Whether it can be asked."""
        return self.process.poll() is None

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        os.close(self._life)
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def read(self, asked: Any, seconds: float, check: Callable[[], None]) -> Any:
        """An answer, as :meth:`Readers.read` has it; the child has ended where none came."""
        try:
            answer = from_json(self._answer(json.dumps(asked, default=str), seconds, check))
        except ValueError:
            self.end()
            raise Unread("parse_died", "its answer is none") from None
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
            before = used if before < 0 else before  # most answers come before the first look
            if used - before > seconds or time.monotonic() - began > PATIENCE * seconds:
                what = f"reading it took more than {seconds:g} s and was ended"
                raise Unread("parse_time", what)
            if self._taken.memory_info().rss > MEGABYTES * 1e6:
                break
        raise Unread("parse_memory", f"reading it took more than {MEGABYTES} MB and was ended")

    def _died(self) -> PapertuneError:
        status = self.process.wait()
        if status >= 0:  # it ended by itself, which no text can make it do
            hint = "what it said stands above; is the installation whole?"
            return PapertuneError(f"the process that reads ended with status {status}", hint=hint)
        name = signal.Signals(-status).name
        return Unread("parse_died", f"reading it ended the process that reads ({name}), twice")


def _serve(life: int) -> None:
    """What the child does until nobody asks any more."""
    # those are for the job, which then ends this
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)  # SIGIO ends it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # for what grows faster than the other process looks
    limit = int(4e6 * MEGABYTES)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in asked:
        answers.write(_made(*from_json(line)) + b"\n")
        answers.flush()


def _made(name: str, given: list[Any], named: dict[str, Any]) -> bytes:
    assert name.startswith("papertune.")
    reader = resolve_name(name)
    try:
        return json.dumps({"made": reader(*given, **named)}, default=asdict).encode()
    except MemoryError:
        answer = {"reason": "parse_memory", "what": "reading it took more memory than there may be"}
    except TimeoutError:  # of a library that looks at the clock itself
        answer = {"reason": "parse_time", "what": "reading it took more time than it may"}
    except OSError as error:
        answer = {"reason": "unreadable", "what": error.strerror or str(error)}
    except PapertuneError as error:
        answer = {"reason": getattr(error, "reason", "parse_failed"), "what": error.what}
    except Exception as error:  # whatever a parser makes of what people write
        answer = {"reason": "parse_failed", "what": f"{type(error).__name__}: {error}"[:300]}
    return json.dumps(answer).encode()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
