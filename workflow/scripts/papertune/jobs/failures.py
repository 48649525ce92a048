"""Reports of failed jobs: which job, what was wrong and where, what to do, which log."""

import errno
import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from papertune.errors import PapertuneError, one_line, shown
from papertune.jobs.causes import AGAIN, HINTS, cause_of
from papertune.jobs.progress import LINE, LOG_LINE, logged
from papertune.jobs.stopping import STATUS

END = 65_536  # bytes at the end of a log that are searched for its last error
MOST = 20  # failed jobs that are listed
FIRST_WORDS = 160  # characters of each error in a list
_STATUS = re.compile(r"non-zero exit status (-?\d+)|died with <Signals\.(SIG\w+)")
_ERRNO = re.compile(r"^\w+: \[Errno (\d+)\] ([^\n]*?): '([^'\n]+)'\s*\Z", re.MULTILINE)
_CRASHES = {"SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed job; ``said`` is whether it has already shown its error to the user."""

    job: str
    words: str
    logs: tuple[str, ...] = ()
    said: bool = False

    @property
    def first_words(self) -> str:
        """The first line of the error, shortened to :data:`FIRST_WORDS` characters."""
        text = self.words.partition("\n")[0]
        return text if len(text) <= FIRST_WORDS else f"{text[: FIRST_WORDS - 1]}…"

    def __str__(self) -> str:
        lines = [self.job, *(f"  {line}" for line in self.words.splitlines())]
        if self.logs:
            lines.append(f"  Log: {', '.join(self.logs)}")
        return "\n".join(lines)


def failure_of(
    rule: str,
    wildcards: Mapping[str, str],
    logs: Sequence[str],
    *,
    since: float = 0.0,
    ended: str = "",
    here: bool = True,
) -> Failure:
    """The failure of a job, from its log or else from how it ended.

    Args:
        rule: Its rule.
        wildcards: Names and values of its wildcards.
        logs: Its log, then further log files.
        since: When it started, in seconds since 1970: an older log is of another attempt.
        ended: How it ended, as Snakemake or the cluster says.
        here: Whether it ran on this terminal.
    """
    job = one_line(" ".join([rule, *(f"{name}={value}" for name, value in wildcards.items())]))
    words = last_error(Path(logs[0]), since) if logs else ""
    if not words:
        return Failure(job, _words_of_end(ended), tuple(logs))
    if not here and ended:
        words += f"\n({one_line(ended)})"
    return Failure(job, words, tuple(logs), said=here)


def last_error(log: Path, since: float = 0.0) -> str:
    """The error that a job ended with, from its log; empty if the log has none of this attempt."""
    text = logged(log, since, END)
    for found in reversed([*LINE.finditer(text)]):
        said, end, _ = LINE.split(text[found.end() :], maxsplit=1)[0].partition(LOG_LINE)
        if end and found[1] == "ERROR":
            return shown(said)
    return ""


def _words_of_end(ended: str) -> str:
    """The error of a job that could not log one, from its status or signal."""
    found = _STATUS.search(ended)
    number = abs(int(found[1] or 0)) if found else 0
    name = found[2] if found and found[2] else ""
    # a shell reports 128 plus the signal's number
    with suppress(ValueError):
        name = name or (signal.Signals(number - 128).name if number > 128 else "")
    if name == "SIGKILL":
        what = "the job was killed (SIGKILL), most often because the machine's memory ran out"
        hint = f"end other programs that need memory, or run one job at a time (--cores 1); {AGAIN}"
    elif name in _CRASHES:
        what = f"the job crashed in a library ({name})"
        hint = f"see the last lines of its log; {AGAIN}. If it crashes again, report it"
    elif name or number == STATUS:
        what, hint = f"the job was asked to stop ({name or 'SIGTERM'})", AGAIN
    elif found:
        what = f"the job ended with status {number} before it could log an error"
        hint = "see its output, above or in .snakemake/log; check the installation (make install)"
    else:
        return shown(ended.strip()) or "it is not known how the job ended"
    return str(PapertuneError(what, hint=hint))


def summary(failures: Iterable[Failure], waiting: int = 0) -> str:
    """The last lines of a failed run: all failed jobs, and the full error of the first.

    ``waiting`` is the number of jobs that need their results.
    """
    jobs = [*failures]
    count = f"{len(jobs)} jobs failed" if len(jobs) != 1 else "1 job failed"
    if waiting:
        count += f", {waiting} more could not begin"
    if not jobs:
        return f"The run was stopped, and {waiting} jobs are left.\n  What to do: {AGAIN}"
    if len(jobs) == 1:
        return f"{count}:\n{jobs[0]}"
    alike = len({one.words for one in jobs}) == 1
    lines = [f"  {one.job}" + ("" if alike else f": {one.first_words}") for one in jobs[:MOST]]
    if len(jobs) > MOST:
        lines.append(f"  … and {len(jobs) - MOST} more")
    first = "All for the same reason" if alike else "The first"
    return "\n".join([f"{count}:", *lines, f"{first}:", str(jobs[0])])


def of_snakemake(kind: str, said: str) -> str:
    """The message of one of Snakemake's own exceptions, reworded if it is a known one.

    Args:
        kind: The name of the exception.
        said: Its text, sometimes with a traceback.
    """
    told = None
    if found := _ERRNO.search(said):
        told = cause_of(OSError(int(found[1]), found[2], found[3]))
    elif kind == "ProtectedOutputException":
        files = said.partition("affected files:")[2].split()
        what = f"these results exist and are write-protected: {', '.join(files)}"
        hint = f"chmod -R u+w on them; where {HINTS[errno.EROFS]}"
        told = PapertuneError(what, hint=hint)
    elif kind == "MissingOutputException":
        files = [line.strip() for line in said.splitlines() if line.startswith("results/")]
        what = f"a job succeeded, but its results are missing: {', '.join(files)}"
        hint = "network file systems show files late: set latency-wait: 120 in the profile, then "
        told = PapertuneError(what, hint=hint + AGAIN)
    return said if told is None else str(told)
