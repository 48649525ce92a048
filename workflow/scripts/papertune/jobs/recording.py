"""Keeps the record of an attempt while the work of a script goes on."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from papertune.cluster.slurm_accounting import own_job
from papertune.jobs import stopping
from papertune.jobs.meter import Meter, Used
from papertune.jobs.record import (
    FAILED,
    INTERRUPTED,
    OK,
    RUNNING,
    JobRecord,
    folder_of,
    next_attempt,
    write_record,
)

log = logging.getLogger("papertune")

# how a script ends when it was told to stop, or all is well; anything else is a failure
ENDS: dict[object, str] = {None: OK, 0: OK, stopping.STATUS: INTERRUPTED}


@contextmanager
def recorded(
    jobs: str | Path,
    *,
    rule: str,
    wildcards: Mapping[str, str],
    threads: int,
    gpu: int = 0,
    memory_mb: int | None = None,
    runtime: int | None = None,
) -> Iterator[None]:
    """Record the work that is done inside; a record that cannot be written stops no work.

    Args:
        jobs: The folder of an experiment's records.
        rule: The rule of the job.
        wildcards: Its wildcards besides the experiment, in the order of the folders.
        threads: CPU threads asked for.
        gpu: GPUs asked for.
        memory_mb: Memory asked for.
        runtime: Minutes asked for.
    """
    folder = folder_of(jobs, rule, wildcards)
    number, submitted = own_job()
    record = JobRecord(
        rule=rule,
        wildcards=dict(wildcards),
        attempt=next_attempt(folder),
        host=socket.gethostname(),
        pid=os.getpid(),
        job=number,
        threads=threads,
        gpu=gpu,
        memory_mb=memory_mb,
        runtime=runtime,
        submitted=submitted,
        started=psutil.Process().create_time(),  # imports are part of the cost
        seen=time.time(),
    )
    writable = True

    def write(used: Used | None = None, status: str = RUNNING) -> None:
        nonlocal record, writable
        now = time.time()
        record = replace(record, seen=now, status=status, ended=None if status == RUNNING else now)
        if used is not None:
            record = replace(
                record,
                cpu_seconds=round(used.cpu_seconds, 2),
                peak_memory=used.peak_memory,
                gpu_seconds=None if used.gpu_seconds is None else round(used.gpu_seconds, 1),
            )
        try:
            write_record(folder, record)
        except OSError as error:
            if writable:
                log.warning("what this job takes cannot be recorded: %s", error)
            writable = False

    write()
    meter, status = Meter(gpu, write), FAILED
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
        write(meter.used(), status)
