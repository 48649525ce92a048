"""Processes of tests: Python with the library, and programs in place of a site's."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from snakemake_run import ROOT

LIBRARY = {"PYTHONPATH": str(ROOT / "workflow/scripts")}


def python(
    code: str, *arguments: object, environment: dict[str, str] | None = None, **how: Any
) -> subprocess.Popen[str]:
    """Code in a process of its own; what it tells is there to be read."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = os.environ | LIBRARY | (environment or {})
    return subprocess.Popen(command, text=True, env=env, **pipes | how)


def busy(least: float = 3.0) -> float:
    """How many times as long as alone work may take now, beside what else this machine does.

    A disk or a host that others use halts for seconds, and no load tells it: so ``least`` is 1 only
    where the limit itself is promised, or what it is to find takes little longer.
    """
    return max(least, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def wait_for(
    sign: Callable[[], Any], process: subprocess.Popen | None = None, seconds: float = 120
) -> Any:
    """What a sign gives once it gives anything; fails where the process ends before."""
    end = time.monotonic() + seconds * busy()
    while True:
        with suppress(FileNotFoundError):  # a job that starts makes its log anew
            if found := sign():
                return found
        assert process is None or process.poll() is None, "the process has ended"
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.03)


def program(path: Path, script: str) -> Path:
    """A shell script that can be run."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def recorded_job(work: str, gpu: int) -> str:
    """A script's code that does some work as the job of a rule, which looks at itself often."""
    return f"""
import os, signal, subprocess, sys, time
from types import SimpleNamespace
from papertune.jobs import record, stopping
from papertune.errors import PapertuneError
from papertune.jobs.job import job

record.FIRST = record.LATER = record.TELL = 0.1
snakemake = SimpleNamespace(
    rule="train",
    wildcards=dict(experiment="mine", model="full", seed="1"),
    resources=dict(gpu={gpu}, mem_mb=700, runtime=9, tmpdir="/tmp"),
    threads=2,
    input=[],
    log=["logs/mine/train.log"],
    config=dict(store="store", resources="resources", trust_group=False),
)
with job(snakemake):
    print("at work", flush=True)
    {work}
"""
