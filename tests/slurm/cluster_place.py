"""Where test clusters may be, and taking away what one left behind.

The configuration has to be found in /etc/slurm, because the job step of Snakemake's Slurm plugin drops
SLURM_CONF. So the tests' process has a /etc/slurm of its own, mounted where nobody else sees it, and
there is none where a real cluster's configuration lies. The clusters of a machine have numbers, each
kept by a lock.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from cluster_commands import search_path
from cluster_network import Network
from cluster_processes import kill_with
from filelock import FileLock, Timeout

from namespaces import own_mounts

CONFIGURATION = Path("/etc/slurm")
FOLDER = "papertune-slurm"
MOST = 4  # clusters at once
LOCK_SECONDS = 3600  # other test files with a cluster may come first

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
ACCOUNTING_PROGRAMS = ("slurmdbd", "sacctmgr", "sacct", "mariadbd", "mariadb-install-db")


def lacking(accounting: bool) -> str | None:
    """Why this machine can have no test cluster; None if it can."""
    if os.geteuid() != 0:
        return "Slurm's daemons start as root only"
    wanted = PROGRAMS + (ACCOUNTING_PROGRAMS if accounting else ())
    if missing := [name for name in wanted if not shutil.which(name, path=search_path())]:
        return f"not installed: {', '.join(missing)} (.ci/run names the packages)"
    if "SLURM_CONF" in os.environ:
        return "SLURM_CONF is set: this machine belongs to a cluster"
    if (CONFIGURATION / "slurm.conf").exists():
        return f"{CONFIGURATION}/slurm.conf is there: this machine belongs to a cluster"
    return None


def own_configuration() -> None:
    """From now on this process and what it starts have a /etc/slurm of their own.

    Raises:
        OSError, subprocess.CalledProcessError: this machine does not let root mount.
    """
    if not CONFIGURATION.is_mount():
        CONFIGURATION.mkdir(exist_ok=True)
        own_mounts()
        subprocess.run(["mount", "-t", "tmpfs", FOLDER, str(CONFIGURATION)], check=True)


def free_number() -> tuple[int, FileLock]:
    """The number of a cluster that nobody else has, and the lock that keeps it.

    Raises:
        TimeoutError: others had all of them for an hour.
    """
    end = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < end:
        for number in range(MOST):
            lock = FileLock(f"/run/{FOLDER}-{number}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return number, lock
        time.sleep(1)
    raise TimeoutError(f"{MOST} test clusters are in use on this machine")


def record(number: int, folder: Path) -> None:
    """Say where this cluster lies, for those that come after."""
    _link(number).symlink_to(folder)


def clear(number: int) -> None:
    """End this cluster, running or not, and take away what is left of it but its logs.

    Only call it with the lock held: then nobody else uses that cluster.
    """
    link = _link(number)
    if link.is_symlink():
        folder = Path(os.readlink(link))
        kill_with(folder)
        for entry in folder.glob("*"):
            if not entry.is_dir():
                entry.unlink()
            elif entry.name != "log":
                shutil.rmtree(entry)
    Network(number).remove()
    if CONFIGURATION.is_mount():
        for path in CONFIGURATION.iterdir():
            path.unlink()
    link.unlink(missing_ok=True)  # last: if this is killed before, it still leads to the folder


def _link(number: int) -> Path:
    return Path(f"/run/{FOLDER}-{number}")
