"""What the terminal shows during a run: which jobs start, and one line of progress.

Jobs write to their own logs, and what they print goes to the log of the run. Only this module
writes to the terminal, so that nothing breaks the line of progress.
"""

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from papertune.errors import one_line, shown
from papertune.jobs.progress import LINE, SLACK, logged

# in a file or pipe: least seconds between two lines of progress, and as a share of the time so far
SILENT, SLOWER = 9.0, 0.01
LONG = 60.0  # seconds from which the end of a job gets a line
EACH = 5.0  # seconds for which the line of progress shows one of several running jobs
COLUMNS, ROWS = 80, 24  # of a terminal that does not report its size
END = 4096  # bytes at the end of a log that are searched for its last line

tqdm.monitor_interval = 0  # no monitoring thread


def duration(seconds: float) -> str:
    """``4 min 10 s``, ``2 h 5 min`` or ``8 s``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was started, or submitted to a cluster."""

    rule: str
    words: str
    log: str = ""
    submitted: bool = False
    since: float = field(default_factory=time.time)  # seconds since 1970

    @property
    def waits(self) -> bool:
        """Whether it is still in the cluster's queue: a job first opens its log."""
        if self.submitted:
            with suppress(OSError):
                return os.stat(self.log).st_mtime < self.since - SLACK
        return self.submitted

    def __str__(self) -> str:
        _, _, said = logged(self.log, self.since, END).rstrip().rpartition("\n")
        return f"{self.words}: {LINE.sub('', said) or 'loads its libraries'}"


class Terminal:
    """The terminal of a run, or the file or pipe in its place.

    From :meth:`watch` to :meth:`end` it replaces ``sys.stderr``.
    """

    encoding = "utf-8"

    def __init__(self, out: TextIO) -> None:
        self.out, self.own, self.lock = out, out is sys.stderr, threading.RLock()
        self.unfinished = ""  # the beginning of a line
        self.began = self.said = time.monotonic()
        self.remaining = ""  # the remaining time, in words
        self.done = self.total = 0
        self.running: dict[int, Job] = {}
        self.failed: set[int] = set()
        self.kinds: Counter[str] = Counter()  # rule → jobs of this run
        self.named: set[str] = set()  # rules of which one job was shown for all
        self.warnings: Counter[str] = Counter()
        self.log = ""
        self.given = list[int]()  # duplicates of the original standard output and error
        self.over = threading.Event()
        self.bar: Any = None

    def write(self, text: str) -> int:
        """Write lines above the line of progress; an unfinished line waits for its end."""
        with self.lock:
            lines, newline, self.unfinished = (self.unfinished + text).rpartition("\n")
            if newline:
                self.said = time.monotonic()
                tqdm.write(lines, file=self.out)
                self.out.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing: complete lines are already written."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.out.isatty()

    def fileno(self) -> int:
        """The number of the open file."""
        return self.out.fileno()

    def columns(self) -> int:
        """The terminal's width; a default if it is unknown."""
        with suppress(OSError):
            return os.get_terminal_size(self.fileno()).columns or COLUMNS
        return COLUMNS

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Write one or several lines, in red if something is wrong."""
        red = wrong and self.isatty() and "NO_COLOR" not in os.environ
        self.write(f"\033[31m{text}\033[0m\n" if red else f"{text}\n")

    def watch(self) -> None:
        """Begin to show progress: in one line that changes, or in a file by a line at intervals."""
        how = {"file": self.out, "leave": False, "nrows": ROWS, "disable": not self.isatty()}
        self.bar = tqdm(total=1, bar_format="{bar:10} {desc}", **how)
        if self.own:
            sys.stderr = self
        elif not self.isatty():  # a dry run, which writes to standard output
            return
        self.thread = threading.Thread(target=self._watch, name="terminal", daemon=True)
        self.thread.start()

    def plan(self, kinds: Mapping[str, int], total: int) -> None:
        """Set the numbers of this run's jobs, by rule and in total."""
        self.kinds, self.total = Counter(kinds), total

    def begin(self, log: str | Path) -> None:
        """Redirect the output of jobs, which are about to start, to ``log``, the log of the run."""
        with self.lock:
            self.log = str(log)
            self.given = [os.dup(1), os.dup(2)]
            self.out = os.fdopen(
                os.dup(self.fileno()), "w", encoding=self.encoding, errors="replace"
            )
            if self.bar is not None:
                self.bar.clear()
                self.bar.fp, self.bar.sp = self.out, self.bar.status_printer(self.out)
            sys.stdout.flush()
            file = os.open(log, os.O_WRONLY | os.O_APPEND)
            os.dup2(file, 1)
            os.dup2(file, 2)
            os.close(file)

    def end(self) -> None:
        """Remove the line of progress, and restore what :meth:`begin` redirected."""
        self.over.set()
        with self.lock:
            if self.bar is not None:
                self.bar.close()
            for number, file in enumerate(self.given, 1):
                os.dup2(file, number)
                os.close(file)
            self.given = []
            if sys.stderr is self:
                sys.stderr = sys.__stderr__

    def starts(self, number: int, job: Job, *, several: bool) -> None:
        """Show that a job starts or is submitted; of ``several`` jobs of a rule, only the first."""
        with self.lock:
            again = number in self.failed
            self.failed.discard(number)
            self.running[number] = job
            several = several and self.kinds[job.rule] > 1
            if several and job.rule in self.named and not again:
                return
            self.named.add(job.rule)
            how = "again: " * again + "submitted: " * job.submitted
            more = f", the first of {self.kinds[job.rule]} such jobs" * (several and not again)
            self.say(f"{_now()} {how}{job.words}{more}")

    def ends(self, number: int, *, well: bool = True) -> None:
        """Record the end of a job, count its warnings, and show the end of a long one."""
        with self.lock:
            job = self.running.pop(number, None)
            if job is None:
                return
            levels = LINE.findall(logged(job.log, job.since))
            self.warnings[job.rule] += levels.count("WARNING")
            took = time.time() - job.since
            if not well:
                self.failed.add(number)
            elif took >= LONG:
                after = f"{duration(took)} after it was submitted"
                how = after if job.submitted else f"in {duration(took)}"
                self.say(f"{_now()} {job.words}: done {how}")

    def counts(self, done: int, total: int) -> None:
        """Set how many jobs are done."""
        self.done, self.total = done, total

    def remains(self, words: str) -> None:
        """Set the remaining time, in words; without a line of progress, write it."""
        self.remaining = words
        if not self.log:
            self.say(words)

    def words_of_end(self) -> str:
        """The last lines: duration, number of warnings by rule, and path of the run's log."""
        lines = [f"It took {duration(time.monotonic() - self.began)}."]
        if found := {rule: n for rule, n in self.warnings.items() if n}:
            kinds = ", ".join(f"{rule} {n}" for rule, n in found.items())
            lines.append(f"Warnings of jobs: {kinds}; see logs/.")
        lines.append(f"Log of the run: {self.log}")
        return "\n".join(lines)

    def status(self) -> str:
        """The line of progress: jobs done, the remaining time, and a running job."""
        if not self.log:
            return f"planning ({duration(time.monotonic() - self.began)})"
        with self.lock:
            jobs = [*self.running.values()]
        running = [job for job in jobs if not job.waits]
        said = [f"{self.done} of {self.total} jobs"]
        if waiting := len(jobs) - len(running):
            said.append(f"{len(running)} running, {waiting} in the queue")
        if self.remaining:
            said.append(self.remaining)
        if running:
            said.append(str(running[int(time.monotonic() / EACH) % len(running)]))
        return one_line(shown(" | ".join(said)))

    def _watch(self) -> None:
        while not self.over.wait(1):
            now = time.monotonic()
            pause = max(SILENT, SLOWER * (now - self.began))
            if self.bar.disable and now - self.said < pause:
                continue
            status = self.status()  # looks into logs, which may lie on a slow file system
            with self.lock:
                if self.over.is_set():
                    return
                if self.bar.disable:
                    self.say(status)
                else:
                    self.bar.n, self.bar.total = self.done, self.total or 1
                    self.bar.ncols = self.columns()
                    self.bar.set_description_str(status)


def _now() -> str:
    return time.strftime("%H:%M")
