"""Estimates the remaining time of a run on this machine, from planned work and the pace so far.

Each job has an estimate from its settings (:mod:`papertune.footprint.work`), at a rate measured
when the run begins. Finished jobs and the progress of running jobs correct it: jobs of the same
rule if there are any, else all that run a language model. Recent jobs count more, because the
machine may be shared. Then the schedule of the jobs on the machine is simulated.
"""

import csv
import heapq
import math
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from papertune.errors import one_line
from papertune.footprint.work import RATE, START, measured_rate, seconds_of
from papertune.jobs.progress import logged
from papertune.jobs.record import OK, RUN, RUNNING, JobRecord, folder_of, jobs_folder, read_record
from papertune.jobs.warm import ADDRESS
from papertune.study.layout import Layout

FOLDER = Path("logs")
FIRST, EVERY = 10.0, 30.0  # seconds to the first estimate, and between two estimates
BUSY = 100  # least ratio of the wait to the time that an estimate takes
KNOWN = 0.05  # share of a job from which its own pace counts
RECENT = 120.0  # seconds over which its pace is measured, if it did at least this share in them
HALF = 600.0  # half-life of a job's weight, in seconds since it ended
MODELS = ("synthesize", "train", "answer", "pretrain_base")  # whose pace is the processor's
OVERDUE = (
    0.2  # least remaining time of an overdue job, as a share of the time since its last progress
)
END = 4096  # bytes at the end of a log that are read
COLUMNS = ("time", "elapsed", "left", "done", "jobs")

CORES = "_cores"  # Snakemake's name of threads, of jobs and of the machine

_SAID = re.compile(r"[: ](\d{1,9})/(\d{1,9})(?: \(|, loss)")
_WHEN = len("2026-01-31 12:00:00")


@dataclass(frozen=True, slots=True)
class Planned:
    """A job of a run; ``needs`` are the indices, in the list of jobs, of those it depends on."""

    rule: str
    experiment: str  # empty if it belongs to none
    wildcards: dict[str, str]
    log: str = ""
    needs: tuple[int, ...] = ()
    asks: dict[str, int] = field(default_factory=dict)  # resource → amount: cores, memory, …

    @property
    def kind(self) -> str:
        """The rule, wherever it runs."""
        return self.rule.removesuffix("_here")


@dataclass(slots=True)
class _State:
    """Seconds of a job: expected to start and to work, taken so far, and its logged progress."""

    start: float
    work: float
    taken: float | None = None  # None if it has not begun
    ended: bool = False
    ago: float = 0.0  # since it ended
    told: list[tuple[float, float]] = field(
        default_factory=list
    )  # seconds from its start, share done

    @property
    def whole(self) -> float:
        """Expected seconds from start to end, before any progress is known."""
        return self.start + self.work

    @property
    def lately(self) -> tuple[float, float] | None:
        """As :attr:`seen`, for the most recent part of a running job."""
        if not self.ended and self.told:
            when, share = self.told[-1]
            for before, had in reversed(self.told):
                if when - before >= RECENT and share - had >= KNOWN:
                    return when - before, (share - had) * self.work
        return self.seen

    @property
    def seen(self) -> tuple[float, float] | None:
        """Seconds taken so far, and seconds expected for this part; None if not known yet."""
        if self.taken is None or not self.whole:
            return None
        if not self.ended and self.told and self.told[-1][1] >= KNOWN:
            when, share = self.told[-1]
            return when, self.start + share * self.work
        # an overdue job: its pace is at least this slow
        return (self.taken, self.whole) if self.ended or self.taken > self.whole else None

    def rest(self, pace: float) -> float:
        """Remaining seconds, if everything takes ``pace`` times as long as expected."""
        if self.ended:
            return 0.0
        if self.taken is None:
            return self.whole * pace
        when, share = self.told[-1] if self.told else (0.0, 0.0)
        rest = self.work * (1 - share) + (0 if self.told else self.start)
        since = self.taken - when
        return max(rest * pace - since, OVERDUE * since)


def left(
    jobs: Sequence[Planned],
    layouts: Mapping[str, Layout],
    limits: Mapping[str, int],
    run: str,
    now: float,
    *,
    loaded: bool = False,
    rate: float = RATE,
) -> tuple[float, int]:
    """The remaining seconds of a run, and the number of its jobs that are done.

    Args:
        jobs: All jobs of the run.
        layouts: Experiment → its paths.
        limits: Resource → amount that the machine has; other resources have no limit.
        run: The run's name in records of jobs.
        now: Seconds since 1970.
        loaded: Whether jobs start with their libraries loaded.
        rate: Operations of a thread and second, as :func:`papertune.footprint.work.measured_rate`.

    Raises:
        KeyError: the limits lack the number of cores.
    """
    states = [_state(job, layouts, run, now, rate) for job in jobs]
    for state in states if loaded else ():
        state.start = min(state.start, START)
    paces = _paces(jobs, states)
    each = []
    for job, state in zip(jobs, states, strict=True):
        pace = paces.get(job.kind, paces.get("models" if job.kind in MODELS else "others", 1.0))
        if state.lately is not None:
            pace = state.lately[0] / state.lately[1]
        each.append(state.rest(pace))
    begun = [state.taken is not None for state in states]
    return _dealt(jobs, each, begun, limits), sum(state.ended for state in states)


def _state(
    job: Planned, layouts: Mapping[str, Layout], run: str, now: float, rate: float
) -> _State:
    # a job that experiments share belongs to none
    of = [layouts[job.experiment]] if job.experiment in layouts else layouts.values()
    times = [seconds_of(layout, job.rule, job.wildcards, rate) for layout in of]
    state = _State(*max(times, default=(0.0, 0.0)))
    record = _record_of(job, run)
    if record is not None:
        state.ended = record.status == OK
        end = record.ended if state.ended and record.ended else now
        state.taken, state.ago = end - record.started, now - end
        if not state.ended and job.log:
            state.told = _told(job.log, record.started)
    return state


def _record_of(job: Planned, run: str) -> JobRecord | None:
    """The record of the newest attempt in this run; None if there is none, or it failed."""
    folder = folder_of(jobs_folder(job.experiment), job.rule, job.wildcards)
    for path in sorted(folder.glob("[!.]*.json"), reverse=True):
        if (record := read_record(path)) and record.run == run:
            return record if record.status in (OK, RUNNING) else None
    return None


def _told(log: str, started: float) -> list[tuple[float, float]]:
    """The progress in a running job's log: pairs of seconds from its start and share done.

    A generator that makes another attempt counts from 0 again; such lines are left out.
    """
    told: list[tuple[float, float]] = []
    with suppress(ValueError):
        for line in logged(log, last=END).splitlines():
            for done, of in _SAID.findall(line):
                share = min(int(done) / max(int(of), 1), 1.0)
                if not told or share > told[-1][1]:
                    when = datetime.fromisoformat(line[:_WHEN]).timestamp()
                    told.append((when - started, share))
    return told


def _paces(jobs: Sequence[Planned], states: Sequence[_State]) -> dict[str, float]:
    """Rule → time taken by its jobs divided by the expected time; also for all that run models."""
    sums: dict[str, list[float]] = {}
    for job, state in zip(jobs, states, strict=True):
        if state.seen is not None:
            counts = 0.5 ** (state.ago / HALF)
            for name in (job.kind, "models" if job.kind in MODELS else "others"):
                took, expected = sums.get(name, [0.0, 0.0])
                sums[name] = [took + counts * state.seen[0], expected + counts * state.seen[1]]
    return {name: took / expected for name, (took, expected) in sums.items()}


def _dealt(
    jobs: Sequence[Planned],
    each: Sequence[float],
    begun: Sequence[bool],
    limits: Mapping[str, int],
) -> float:
    """Seconds until all jobs are done, if each begins as soon as its needs and resources allow."""
    waits = [len(job.needs) for job in jobs]
    after: list[list[int]] = [[] for _ in jobs]
    for place, job in enumerate(jobs):
        for needed in job.needs:
            after[needed].append(place)
    ready = [place for place, count in enumerate(waits) if not count]
    asks = [
        {name: min(job.asks.get(name, 0), most) for name, most in limits.items()} for job in jobs
    ]
    room, running, clock = {CORES: limits[CORES], **limits}, list[tuple[float, int]](), 0.0
    while ready or running:
        ready.sort(key=lambda place: (not begun[place], -each[place]))
        for place in list(ready):
            if begun[place] or all(n <= room[name] for name, n in asks[place].items()):
                ready.remove(place)
                room = {name: room[name] - n for name, n in asks[place].items()}
                heapq.heappush(running, (clock + each[place], place))
        clock, place = heapq.heappop(running)
        room = {name: room[name] + n for name, n in asks[place].items()}
        for follower in after[place]:
            waits[follower] -= 1
            if not waits[follower]:
                ready.append(follower)
    return clock


class Clock(threading.Thread):
    """Reports the remaining time during a run, in words and in ``logs/remaining.csv``."""

    def __init__(
        self,
        jobs: Sequence[Planned],
        layouts: Mapping[str, Layout],
        limits: Mapping[str, Any],
        tell: Callable[[str], object],
    ) -> None:
        super().__init__(name="remaining", daemon=True)
        self.jobs, self.layouts, self.tell = jobs, layouts, tell
        self.limits = {name: most for name, most in limits.items() if isinstance(most, int)}
        self.run_name = os.environ.get(RUN, "").partition(" ")[0]
        self.loaded = bool(os.environ.get(ADDRESS))

    def run(self) -> None:
        """Estimate at intervals, until the run ends."""
        began, wait, rate = time.time(), FIRST, measured_rate()
        with suppress(OSError):
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / "remaining.csv").write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
        while True:
            time.sleep(wait)
            now, clock = time.time(), time.monotonic()
            try:
                known = (self.jobs, self.layouts, self.limits, self.run_name, now)
                seconds, done = left(*known, loaded=self.loaded, rate=rate)
            except Exception as error:  # a failed estimate must not end a run
                self.tell(f"remaining time unknown ({one_line(str(error))[:200]})")
                return
            told = (round(now), round(now - began), round(seconds), done, len(self.jobs))
            with suppress(OSError), open(FOLDER / "remaining.csv", "a", encoding="utf-8") as stream:
                csv.writer(stream, lineterminator="\n").writerow(told)
            self.tell(words(seconds, now))
            wait = max(EVERY, BUSY * (time.monotonic() - clock))


def words(seconds: float, now: float) -> str:
    """The remaining time in words, ``about 47 min left (14:32)``."""
    minutes = math.ceil(seconds / 60)
    said = "less than 1 min" if minutes < 2 else f"about {minutes} min"
    until = time.strftime("%H:%M", time.localtime(now + seconds))
    return f"{said} left ({until})"
