"""The record of one attempt of a job: what it asked for, what it used and how it ended.

A record is written when the attempt starts, now and then while it runs, and when it ends. A killed
attempt leaves one that says ``running``; it was ``seen`` last when it was written last.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from papertune.records import atomic_write

RUNNING, OK, FAILED, INTERRUPTED = "running", "ok", "failed", "interrupted"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One attempt; times are seconds since 1970, ``None`` is what is not known.

    ``job`` is the id that the cluster gave it, empty where it ran without one. ``attempt`` counts
    from 1 since the job last came to a good end. ``gpu_seconds`` is time that GPUs were busy.
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

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The job, whichever attempt: its rule and its wildcards besides the experiment."""
        return self.rule, tuple(sorted(self.wildcards.items()))


def jobs_folder(experiment: str | None) -> Path:
    """Where the records of an experiment's jobs lie, or of those that experiments share."""
    return Path("logs", experiment or "resources", "jobs")


def folder_of(jobs: str | Path, rule: str, wildcards: Mapping[str, str]) -> Path:
    """Where a job's records lie: ``<jobs>/<rule>/<wildcards…>``."""
    return Path(jobs, rule, *(re.sub(r"^\.+|[^\w.-]", "_", value) for value in wildcards.values()))


def write_record(folder: Path, record: JobRecord) -> None:
    """Write a record, in the place of the same attempt's earlier one.

    Raises:
        OSError: as the file system says.
    """
    start = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(record.started))
    with atomic_write(folder / f"{start}-{record.host}-{record.pid}.json") as stream:
        json.dump(asdict(record), stream, indent=1)
        stream.write("\n")


def read_records_below(folders: Iterable[str | Path]) -> list[JobRecord]:
    """All records below some folders, by start; what cannot be read is no record."""
    found = [
        record
        for folder in folders
        for path in Path(folder).rglob("*.json")
        if not path.name.startswith(".") and (record := _read(path))
    ]
    return sorted(found, key=lambda record: record.started)


def next_attempt(folder: Path) -> int:
    """The number of the attempt that starts now: one more than have failed since the last good end."""
    number = 1
    for record in read_records_below([folder]):
        number = 1 if record.status == OK else number + 1
    return number


def _read(path: Path) -> JobRecord | None:
    try:
        record = JobRecord(**json.loads(path.read_text(encoding="utf-8")))
        return record if isinstance(record.started, float) else None
    except (OSError, ValueError, TypeError):
        return None
