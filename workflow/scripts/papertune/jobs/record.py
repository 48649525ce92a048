"""The record of one attempt of a job: what it asked for, what it used and how it ended.

A record is written when the attempt starts, now and then while it runs, and when it ends. A killed
attempt leaves one that says ``running``; it was ``seen`` last when it was written last.
"""

import json
import logging
import os
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from papertune.errors import RecordError, one_line
from papertune.files import atomic_write, read_json
from papertune.jobs import stopping
from papertune.jobs.gpus import busy_share
from papertune.records import from_dict

log = logging.getLogger("papertune")

RUNNING, OK, FAILED, INTERRUPTED = "running", "ok", "failed", "interrupted"
# how a script ends when it was told to stop, or all is well; anything else is a failure
ENDS: dict[object, str] = {None: OK, 0: OK, stopping.STATUS: INTERRUPTED}
RUN = "PAPERTUNE_RUN"  # tells jobs whose they are: that run's name, and its own job of the cluster
FIRST, LATER = 1.0, 10.0  # seconds between two looks at what is used, early and later
TELL = 60.0  # seconds between two records of it


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One attempt; times are seconds since 1970, ``None`` is what is not known.

    ``job`` is the id that the cluster gave it, empty where it ran without one. ``attempt`` counts
    from 1 since the job last came to a good end. ``gpu_seconds`` is time that GPUs were busy.
    ``run`` is the run that started it, empty where a queue did.
    """

    rule: str
    wildcards: dict[str, str]
    attempt: int
    host: str
    pid: int
    job: str
    threads: int
    gpu: int
    memory_mb: int | None
    runtime: int | None  # minutes
    submitted: float | None
    started: float
    seen: float
    ended: float | None = None
    status: str = RUNNING
    cpu_seconds: float | None = None
    peak_memory: int | None = None  # bytes
    gpu_seconds: float | None = None
    run: str = ""

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started))
        what = " ".join([self.rule, *self.wildcards.values()])
        return one_line(f"{what} (process {self.pid}, since {since})")


def jobs_folder(experiment: str | None) -> Path:
    """Where the records of an experiment's jobs lie, or of those that experiments share."""
    return Path("logs", experiment or "resources", "jobs")


def folder_of(jobs: str | Path, rule: str, wildcards: Mapping[str, str]) -> Path:
    """Where a job's records lie: ``<jobs>/<rule>/<wildcards…>``."""
    return Path(jobs, rule, *(re.sub(r"^\.+|[^\w.-]", "_", value) for value in wildcards.values()))


def write_record(folder: Path, record: JobRecord) -> None:
    """Write a record, in the place of the same attempt's earlier one."""
    start = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(record.started))
    with atomic_write(folder / f"{start}-{record.host}-{record.pid}.json") as stream:
        json.dump(asdict(record), stream, indent=1)
        stream.write("\n")


def read_records_below(folders: Iterable[str | Path]) -> list[JobRecord]:
    """All records below some folders, by start; what cannot be read is no record."""
    paths = (path for folder in folders for path in Path(folder).rglob("[!.]*.json"))
    return sorted(filter(None, map(read_record, paths)), key=lambda record: record.started)


def read_record(path: Path) -> JobRecord | None:
    """What a file says; None where it is no record."""
    with suppress(OSError, ValueError, TypeError, RecordError):
        record = from_dict(JobRecord, read_json(path))
        return record if isinstance(record.started, float) else None
    return None


def own_job() -> tuple[str, float | None]:
    """The id of Slurm's job that this process runs in, and when it was submitted; ``""`` in none."""
    if not (job := os.environ.get("SLURM_JOB_ID", "")):
        return "", None
    command = ["env", "SLURM_TIME_FORMAT=standard", "scontrol", "--oneliner", "show", "job", job]
    how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        said = subprocess.check_output(command, text=True, timeout=5, **how)
        return job, datetime.fromisoformat(said.partition(" SubmitTime=")[2].split()[0]).timestamp()
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        log.info("scontrol: %s", error)
        return job, None


@contextmanager
def recorded(
    jobs: str | Path, rule: str, wildcards: Mapping[str, str], **asked: Any
) -> Iterator[None]:
    """Record the work that is done inside; a record that cannot be written stops no work.

    The job has wildcards besides the experiment, in the order of the folders, and asked for
    ``threads``, ``gpu``, ``memory_mb`` and ``runtime``.
    """
    folder = folder_of(jobs, rule, wildcards)
    attempt = 1  # one more than have failed since the last good end
    for earlier in read_records_below([folder]):
        attempt = 1 if earlier.status == OK else attempt + 1
    number, submitted = own_job()
    run, _, queued = os.environ.get(RUN, "").partition(" ")
    record = JobRecord(
        rule=rule,
        wildcards=dict(wildcards),
        attempt=attempt,
        host=socket.gethostname(),
        pid=os.getpid(),
        job=number,
        **asked,
        submitted=submitted,
        started=psutil.Process().create_time(),  # imports are part of the cost
        seen=0.0,
        run=run if queued == number else "",
    )
    warn = cache(log.warning)  # once

    def write(used: Mapping[str, Any], status: str = RUNNING) -> None:
        now = time.time()
        ended = None if status == RUNNING else now
        try:
            write_record(folder, replace(record, seen=now, ended=ended, status=status, **used))
        except OSError as error:
            warn("what this job takes cannot be recorded: %s", error.strerror)

    write({})
    meter, status = _Meter(record.gpu, write), FAILED
    meter.start()

    def finish(ending: str, patience: float) -> None:
        meter.ended.set()
        meter.join(patience)  # or what it has begun to tell would be told last
        write(meter.used(), ending)

    stopping.last_words = lambda: finish(INTERRUPTED, 1)
    try:
        yield
        status = OK
    except SystemExit as end:
        status = ENDS.get(end.code, FAILED)
        raise
    except KeyboardInterrupt:
        status = INTERRUPTED
        raise
    finally:
        finish(status, 5)
        stopping.last_words = None


class _Meter(threading.Thread):
    """Measures what this process and its children use, beside the work, until it has ``ended``.

    CPU time is exact for all children that have ended and were waited for. Memory is the peak of
    this process itself, or, if that is more, the most that it and its children held together at one
    look. How busy GPUs are is taken at each look, and only if the job asked for some. About once a
    minute it tells what was used.
    """

    def __init__(self, gpus: int, tell: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(name="meter", daemon=True)
        self.gpus, self.tell, self.ended = gpus, tell, threading.Event()
        self._held = 0
        self._gpu_seconds: float | None = None

    def used(self) -> dict[str, Any]:
        """What was used so far, as a record has it; no GPU seconds where no GPU says anything."""
        own, process, held = os.times(), psutil.Process(), 0
        cpu = own.user + own.system + own.children_user + own.children_system
        # a child may end while it is looked at
        with suppress(psutil.Error, OSError):
            held = process.memory_info().rss
            for child in process.children(recursive=True):
                with suppress(psutil.Error):
                    cpu += sum(child.cpu_times()[:4])
                    held += child.memory_info().rss
        self._held = max(self._held, held)
        busy = None if self._gpu_seconds is None else round(self._gpu_seconds, 1)
        peak = max(self._held, own_peak())
        return {"cpu_seconds": round(cpu, 2), "peak_memory": peak, "gpu_seconds": busy}

    def run(self) -> None:
        """Look, less often as time goes on."""
        wait, told, looked = FIRST, time.monotonic(), time.monotonic()
        while not self.ended.wait(wait):
            wait = min(wait * 2, LATER)
            used = self.used()
            share = busy_share(self.gpus) if self.gpus else None
            now = time.monotonic()
            if share is not None:
                self._gpu_seconds = (self._gpu_seconds or 0.0) + share * (now - looked)
            looked = now
            if now - told >= TELL and not self.ended.is_set():
                told = now
                self.tell(used)


def own_peak() -> int:
    """The most memory (bytes) that this process itself held at any time.

    What ``getrusage`` calls so is, on Linux, at least what the process held that started this one.
    """
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
        if found:
            return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
