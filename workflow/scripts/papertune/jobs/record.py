"""The record of one attempt of a job: what it asked for, what it used and how it ended.

A record is written when the attempt starts, now and then while it runs, and when it ends. A killed
attempt leaves one that says ``running``; it was ``seen`` last when it was written last.
"""

import json
import logging
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from papertune.jobs import stopping
from papertune.jobs.meter import Meter
from papertune.records import atomic_write

log = logging.getLogger("papertune")

RUNNING, OK, FAILED, INTERRUPTED = "running", "ok", "failed", "interrupted"
# how a script ends when it was told to stop, or all is well; anything else is a failure
ENDS: dict[object, str] = {None: OK, 0: OK, stopping.STATUS: INTERRUPTED}
RUN = "PAPERTUNE_RUN"  # tells jobs whose they are: that run's name, and its own job of the cluster
OWN_SECONDS = 5  # for the cluster to answer


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
        return f"{what} (process {self.pid}, since {since})"


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
    try:
        record = JobRecord(**json.loads(path.read_text(encoding="utf-8")))
        return record if isinstance(record.started, float) else None
    except (OSError, ValueError, TypeError):
        return None


def own_job() -> tuple[str, float | None]:
    """The id of Slurm's job that this process runs in, and when it was submitted; ``""`` in none."""
    job = os.environ.get("SLURM_JOB_ID", "")
    if not job:
        return "", None
    try:
        said = subprocess.check_output(
            ["scontrol", "--oneliner", "show", "job", job],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=OWN_SECONDS,
            env=os.environ | {"SLURM_TIME_FORMAT": "standard"},
        )
        return job, datetime.fromisoformat(said.partition(" SubmitTime=")[2].split()[0]).timestamp()
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        log.info("scontrol: %s", error)
        return job, None


@contextmanager
def recorded(
    jobs: str | Path, rule: str, wildcards: Mapping[str, str], **asked: Any
) -> Iterator[None]:
    """Record the work that is done inside; a record that cannot be written stops no work.

    Args:
        jobs: The folder of an experiment's records.
        rule: The rule of the job.
        wildcards: Its wildcards besides the experiment, in the order of the folders.
        asked: What it asked for: ``threads``, ``gpu``, ``memory_mb`` and ``runtime``.
    """
    folder = folder_of(jobs, rule, wildcards)
    attempt = 1  # one more than have failed since the last good end
    for earlier in read_records_below([folder]):
        attempt = 1 if earlier.status == OK else attempt + 1
    number, submitted = own_job()
    run, _, queued = os.environ.get(RUN, "").partition(" ")
    writable = True
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
        seen=time.time(),
        run=run if queued == number else "",
    )

    def write(meter: Meter | None = None, status: str = RUNNING) -> None:
        nonlocal record, writable
        now = time.time()
        record = replace(record, seen=now, status=status, ended=None if status == RUNNING else now)
        if meter:
            record = replace(record, **meter.used())
        try:
            write_record(folder, record)
        except OSError as error:
            if writable:
                log.warning("what this job takes cannot be recorded: %s", error)
            writable = False

    write()
    meter, status = Meter(record.gpu, write), FAILED
    try:
        with meter:
            yield
        status = OK
    except SystemExit as end:
        status = ENDS.get(end.code, FAILED)
        raise
    except KeyboardInterrupt:
        status = INTERRUPTED
        raise
    finally:
        write(meter, status)
