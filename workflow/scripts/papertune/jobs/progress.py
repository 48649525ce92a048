"""Logs of jobs: one file per job, a line on the terminal, progress with done/total and rate."""

import logging
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from papertune.errors import PapertuneError, shown
from papertune.jobs import stopping
from papertune.jobs.causes import in_words, unknown
from papertune.owned import anybodys

log = logging.getLogger("papertune")

Item = TypeVar("Item")

LOG, SHARD = "PAPERTUNE_LOG", "PAPERTUNE_SHARD"  # variables: a job's log, the number of its part

# how each line of a log begins; its level is group 1
LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]+) [\w.]+: ", re.MULTILINE)
SLACK = 2.0  # seconds that a file server's clock may be behind
LOG_LINE = "\n  Log: "  # after a job's last error, in the log and on the terminal
EVERY = 10.0  # least seconds between two lines of progress


class Plain(logging.Formatter):
    """Makes messages and tracebacks safe to show: they may contain text of servers and pages."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a line of the log, as :func:`shown` makes it."""
        return shown(super().format(record))


class _LogFile(logging.FileHandler):
    """A log that never follows a link to another file."""

    def _open(self) -> Any:
        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=anybodys)


def log_beside(kind: str) -> Path:
    """The path of a log for a process of a job: beside the job's log or in a temporary folder."""
    own, shard = os.environ.get(LOG, ""), os.environ.get(SHARD, "")
    if not own:
        return Path(tempfile.mkdtemp(prefix="papertune-log-"), f"{kind}.log")
    return Path(own).with_suffix(f".{kind}{shard and '-'}{shard}.log")


@contextmanager
def job_log(path: str | Path) -> Iterator[None]:
    """Log to ``path`` and to the terminal; end the process with status 1 after an error.

    Errors made for people are printed as they are; any other error's traceback goes to the log
    file alone. SIGTERM ends the job where its work allows, with
    status 75.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    open(path, "w", opener=anybodys).close()
    os.environ[LOG] = str(path.absolute())
    # append, because tracebacks are written through another handle
    file = _LogFile(path, mode="a", encoding="utf-8")
    file.setFormatter(Plain("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(Plain("%(message)s"))
    # warnings of libraries go to the log only
    terminal.addFilter(
        lambda record: record.name.startswith("papertune") or record.levelno >= logging.ERROR
    )
    logging.basicConfig(level=logging.INFO, handlers=[file, terminal], force=True)
    logging.raiseExceptions = False  # on a full disk each line would be an error of its own
    logging.captureWarnings(True)
    quieten()
    stopping.install()
    stopping.guard()
    # Ctrl-C is no error: one line instead of Python's traceback
    sys.excepthook = _excepthook
    try:
        with in_words():
            yield
    except Exception as error:
        if not isinstance(error, PapertuneError) or error.__cause__ is not None:
            with suppress(OSError), open(path, "a", encoding="utf-8", opener=anybodys) as stream:
                stream.write(shown(traceback.format_exc()))
        told = error if isinstance(error, PapertuneError) else unknown(error)
        log.error("%s%s%s", told, LOG_LINE, path)
        sys.exit(stopping.STATUS if isinstance(error, stopping.Interrupted) else 1)


def _excepthook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        log.warning("stopped by Ctrl-C (KeyboardInterrupt): what is finished is kept")
    else:
        sys.__excepthook__(kind, error, trace)


class _WithoutHandlers(logging.Logger):
    """The logger of a library that would bypass our handlers, and so write unsafe text."""

    propagate = property(lambda self: True, lambda self, _: None)

    def addHandler(self, hdlr: logging.Handler) -> None:
        """Do nothing: messages go to our handlers."""


def logged(log: str | Path, since: float = 0.0, last: int = 0) -> str:
    """The text of a log, or of its ``last`` bytes; empty if it was written before ``since`` only."""
    with suppress(OSError), open(log, "rb", opener=anybodys) as stream:
        about = os.fstat(stream.fileno())
        if about.st_mtime >= since - SLACK:
            stream.seek(max(0, about.st_size - last) if last else 0)
            return stream.read().decode("utf-8", "replace")
    return ""


def quieten() -> None:
    """Silence chatty libraries, and route the messages of the others through our handlers only."""
    for own in ("huggingface_hub", "datasets", "transformers", "torch"):
        logger = logging.getLogger(own)
        logger.handlers.clear()
        logger.__class__ = _WithoutHandlers  # without importing the library, which takes seconds
    clients = ("httpx", "httpx2", "httpcore", "httpcore2", "urllib3")
    for chatty in (*clients, "filelock", "absl"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def progress(
    items: Iterable[Item], total: int, what: str, *, size: Callable[[Item], int] = lambda _: 1
) -> Iterator[Item]:
    """Yield the items; log done/total and the rate at intervals and at the end.

    ``size`` is how many of the total an item counts for.

    Raises:
        Interrupted: the job was asked to stop and there are more items. The last yielded item is
            finished, and no other is begun.
    """
    if total:
        stopping.check()
    start, last, done = time.monotonic(), time.monotonic(), 0
    for item in items:
        done += size(item)
        yield item
        if done < total:  # a job whose work is done ends normally
            stopping.check()
        now = time.monotonic()
        if now - last >= EVERY:
            log.info("%s: %d/%d (%.1f/s)", what, done, total, done / (now - start))
            last = now
    log.info("%s: %d/%d (%.1f/s)", what, done, total, done / max(time.monotonic() - start, 1e-9))
