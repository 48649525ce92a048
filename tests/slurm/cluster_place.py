"""Where a test cluster may be, and taking away what one left behind.

The configuration has to be found in /etc/slurm, because the job step of Snakemake's Slurm plugin drops
SLURM_CONF. So a machine has one test cluster at a time, kept by a lock, and none where a real
cluster's configuration lies.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cluster_commands import search_path
from cluster_network import remove_network
from cluster_processes import kill_with

CONFIGURATION = Path("/etc/slurm")
LINKS = tuple(CONFIGURATION / name for name in ("slurm.conf", "gres.conf", "slurmdbd.conf"))
FOLDER = "papertune-slurm"  # the links say by this name whose they are
LOCK = Path("/run/papertune-slurm.lock")

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
    if foreign := [link for link in LINKS if os.path.lexists(link) and not _ours(link)]:
        return f"{foreign[0]} is there: this machine belongs to a cluster"
    return None


def clear() -> None:
    """End the cluster that the links in /etc/slurm lead to, if it is a test's, running or not.

    Only call it with the lock held: then nobody else uses that cluster. Its logs stay.
    """
    for folder in {Path(os.readlink(link)).parent for link in LINKS if _ours(link)}:
        kill_with(folder)
        for entry in folder.glob("*"):
            if not entry.is_dir():
                entry.unlink()
            elif entry.name != "log":
                shutil.rmtree(entry)
    remove_network()
    for link in LINKS:  # last: if this is killed before, the links still lead to the folder
        if _ours(link):
            link.unlink()


def _ours(link: Path) -> bool:
    return link.is_symlink() and Path(os.readlink(link)).parent.name == FOLDER
