"""The process that tests' jobs and runs are forked from: one for all of pytest's workers.

What it is, and what jobs of a user's run are copied from: ``papertune.jobs.warm``.
"""

import functools
import os
import subprocess
import tempfile
import uuid
from pathlib import Path

from filelock import FileLock

from papertune.jobs import warm


@functools.cache
def environment() -> dict[str, str]:
    """What makes the jobs of a Snakemake warm; with WARM_RUN beside it, the run as well.

    Unlike a user's, the processes that share a job's work are warm, too.

    The process is started once and ends when the pytest does that has started the workers.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    run, owner = (run, os.getppid()) if run else (uuid.uuid4().hex, os.getpid())
    folder = Path(tempfile.gettempdir(), f"warm-{run[:8]}")
    folder.mkdir(mode=0o700, exist_ok=True)
    address = folder / "jobs"
    with FileLock(folder / "lock"):
        if not address.exists():
            # and what a cluster runs for a job
            libraries = ["snakemake.cli", *warm.LIBRARIES]
            server = warm.start(address, owner, *libraries, stdout=subprocess.PIPE)
            assert server.stdout and b"ready\n" in server.stdout, "the libraries cannot be loaded"
    return warm.environment_of(address) | {"WARM_MODULE": "papertune.jobs.agent"}
