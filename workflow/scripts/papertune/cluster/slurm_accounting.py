"""Slurm's accounting of jobs that have run."""

import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from papertune.cluster.slurm import CUT, ClusterError, ask, rows_of, seconds_of

log = logging.getLogger("papertune")

FIELDS = (
    *("JobIDRaw", "State", "Submit", "Start", "End", "TotalCPU", "MaxRSS"),
    *("ReqTRES", "AllocTRES", "ConsumedEnergyRaw"),
)
FINAL = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"),
}


@dataclass(frozen=True, slots=True)
class Usage:
    """One start of a job; a job that was put back into the queue has several.

    Times are seconds since 1970; ``None`` means unknown or not measured.
    """

    job: str
    state: str
    submitted: float | None
    started: float | None
    ended: float | None
    cpus: int | None
    gpus: int | None
    memory_mb: int | None  # requested
    cpu_seconds: float | None
    peak_memory: int | None  # bytes
    energy: int | None  # joules

    @property
    def final(self) -> bool:
        """Whether this record will not change any more."""
        return self.state in FINAL and self.ended is not None


def accounting(jobs: Iterable[str], since: float | None = None) -> dict[str, list[Usage]]:
    """Read the accounting of jobs: id → its starts, in order; empty if the cluster keeps none.

    Jobs that ended before ``since`` are excluded: ids are reused after some years.
    """
    if not (ids := sorted(set(filter(None, jobs)))):
        return {}
    window = [f"--starttime={datetime.fromtimestamp(since):%Y-%m-%dT%H:%M:%S}"] if since else []
    try:
        said = ask(
            *("env", "SLURM_TIME_FORMAT=%s", "sacct", f"--jobs={','.join(ids)}", "--duplicates"),
            *("--noheader", "--noconvert", "--parsable2", f"--delimiter={CUT}", *window),
            f"--format={','.join(FIELDS)}",
            seconds=60,
        )
    except ClusterError as error:
        log.info("sacct: %s", error)
        return {}
    return read_sacct(said)


def read_sacct(text: str) -> dict[str, list[Usage]]:
    """Parse the output that :func:`accounting` requests: a job's row, then those of its steps."""
    starts: list[Usage] = []
    for row in rows_of(text, FIELDS):
        job, _, step = row["JobIDRaw"].partition(".")
        if not step:
            starts.append(_start(job, row))
        elif starts and starts[-1].job == job:
            peak = max(starts[-1].peak_memory or 0, _bytes(row["MaxRSS"]) or 0)
            starts[-1] = replace(starts[-1], peak_memory=peak or None)
    found: dict[str, list[Usage]] = {}
    for start in sorted(starts, key=lambda start: start.submitted or 0):
        found.setdefault(start.job, []).append(start)
    return found


def _start(job: str, row: dict[str, str]) -> Usage:
    given, asked = (
        dict(item.split("=", 1) for item in row[name].split(",") if "=" in item)
        for name in ("AllocTRES", "ReqTRES")
    )
    memory = _bytes(asked.get("mem", ""))
    # a site may count all GPUs together, or each kind
    kinds = sum(_whole(n) or 0 for name, n in given.items() if name.startswith("gres/gpu:"))
    return Usage(
        job=job,
        state=row["State"].split(" ")[0].rstrip("+"),  # CANCELLED by 1000
        submitted=_time(row["Submit"]),
        started=_time(row["Start"]),
        ended=_time(row["End"]),
        cpus=_whole(given.get("cpu", "")),
        gpus=_whole(given.get("gres/gpu", "")) or kinds or None,
        memory_mb=memory // 2**20 if memory else None,
        cpu_seconds=seconds_of(row["TotalCPU"]) or None,  # 0 where nothing measured it
        peak_memory=_bytes(row["MaxRSS"]) or None,
        energy=_whole(row["ConsumedEnergyRaw"]) or None,  # 0 where nothing measures it
    )


def _time(text: str) -> float | None:
    """Seconds since 1970, from that number or, with older commands, from local time."""
    with suppress(ValueError):  # Unknown, None
        return float(text) or None if text.isdigit() else datetime.fromisoformat(text).timestamp()
    return None


def _bytes(text: str) -> int | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2] or " ")) if found else None


def _whole(text: str) -> int | None:
    return int(text) if text.isdigit() else None
