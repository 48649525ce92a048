"""The record of one attempt of a job: what it requested, what it used and how it ended.

A record is written when the attempt starts, periodically while it runs, and when it ends. A killed
attempt leaves a record with status ``running``; ``seen`` is the time of the last write.
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
# exceptions with which a script ends on request or well; anything else is a failure
ENDS: dict[object, str] = {None: OK, 0: OK, stopping.STATUS: INTERRUPTED}
RUN = "PAPERTUNE_RUN"  # variable: the name of the run that started a job, and its own cluster job
FIRST, LATER = 1.0, 10.0  # seconds between two measurements, early and later
TELL = 60.0  # seconds between two writes of the record


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One attempt; times are seconds since 1970, ``None`` means unknown.

    ``job`` is the cluster's id, empty without a cluster. ``attempt`` counts from 1 since the job
    last succeeded. ``gpu_seconds`` is the time that GPUs were busy. ``run`` is the run that started
    it, empty if the cluster's queue did.
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
    """The folder of the records of an experiment's jobs, or of jobs that experiments share."""
    return Path("logs", experiment or "resources", "jobs")


def folder_of(jobs: str | Path, rule: str, wildcards: Mapping[str, str]) -> Path:
    """The folder of a job's records: ``<jobs>/<rule>/<wildcards…>``."""
    return Path(jobs, rule, *(re.sub(r"^\.+|[^\w.-]", "_", value) for value in wildcards.values()))


def write_record(folder: Path, record: JobRecord) -> None:
    """Write a record, replacing the same attempt's earlier one."""
    start = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(record.started))
    with atomic_write(folder / f"{start}-{record.host}-{record.pid}.json") as stream:
        json.dump(asdict(record), stream, indent=1)
        stream.write("\n")


def read_records_below(folders: Iterable[str | Path]) -> list[JobRecord]:
    """All records below some folders, by start; unreadable files are skipped."""
    paths = (path for folder in folders for path in Path(folder).rglob("[!.]*.json"))
    return sorted(filter(None, map(read_record, paths)), key=lambda record: record.started)


def read_record(path: Path) -> JobRecord | None:
    """Read a record; None if the file is not one."""
    with suppress(OSError, ValueError, TypeError, RecordError):
        record = from_dict(JobRecord, read_json(path))
        return record if isinstance(record.started, float) else None
    return None


def own_job() -> tuple[str, float | None]:
    """The id and submission time of this process's Slurm job; ``""`` and None outside of Slurm."""
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
    """Record the work done inside; if the record cannot be written, the work continues.

    ``wildcards`` are those besides the experiment, in the order of the folders; the job requested
    ``threads``, ``gpu``, ``memory_mb`` and ``runtime``.
    """
    folder = folder_of(jobs, rule, wildcards)
    attempt = 1  # one more than have failed since the last success
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
            warn("the resources that this job uses cannot be recorded: %s", error.strerror)

    write({})
    meter, status = _Meter(record.gpu, write), FAILED
    meter.start()

    def finish(ending: str, patience: float) -> None:
        meter.ended.set()
        meter.join(patience)  # otherwise its pending write could overwrite the final record
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
    """Thread that measures what this process and its children use, until the work has ``ended``.

    CPU time is exact for all children that have ended and were waited for. Memory is the peak of
    this process itself or, if larger, the maximum of it and its children at one measurement.
    GPU utilization is sampled at each measurement, if the job requested GPUs. About once a minute
    it reports what was used.
    """

    def __init__(self, gpus: int, tell: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(name="meter", daemon=True)
        self.gpus, self.tell, self.ended = gpus, tell, threading.Event()
        self._held = 0
        self._gpu_seconds: float | None = None

    def used(self) -> dict[str, Any]:
        """Use so far, as in a record; without GPU seconds if no GPU reports any."""
        own, process, held = os.times(), psutil.Process(), 0
        cpu = own.user + own.system + own.children_user + own.children_system
        # a child may end while it is measured
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
        """Measure, less often as time goes on."""
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
    """The peak memory (bytes) of this process itself.

    On Linux, ``getrusage`` gives at least the parent's memory when it started this process.
    """
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
        if found:
            return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
