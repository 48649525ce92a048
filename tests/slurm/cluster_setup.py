"""The parts of a test cluster: its place in /etc/slurm, its files, its processes, its network.

The configuration has to be found in /etc/slurm, because the job step of Snakemake's Slurm plugin drops
SLURM_CONF. So a machine has one test cluster at a time, kept by a lock, and none where a real
cluster's configuration lies.

A process is the cluster's if it is one of Slurm's programs and holds a file of the cluster's folder
open (each has its log or data there). That holds after a crash too, where a pid file may be gone or
name a number that another process has by now.

GPU nodes of real clusters are offline. Here they live in a network namespace that has one link, to
this machine, and no route beyond it; its addresses are for measuring networks (RFC 2544).
"""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from string import Template

import psutil

CONFIGURATION = Path("/etc/slurm")
OURS = Path(__file__).with_name("configuration")
LINKS = tuple(CONFIGURATION / name for name in ("slurm.conf", "gres.conf", "slurmdbd.conf"))
FOLDER = "papertune-slurm"  # the links say by this name whose they are
LOCK = Path("/run/papertune-slurm.lock")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
ACCOUNTING_PROGRAMS = ("slurmdbd", "sacctmgr", "sacct", "mariadbd", "mariadb-install-db")
DAEMONS = {"munged", "mariadbd", "slurmdbd", "slurmctld", "slurmscriptd", "slurmd", "slurmstepd"}
NAMESPACE, LINK, HERE, THERE = "papertune-gpu", "pt-gpu", "198.18.71.1", "198.18.71.2"


# ---- its place ----------------------------------------------------------------


def environment() -> dict[str, str]:
    """With Debian's folders for daemons, without what an outer Slurm job would bring along."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    return {**ours, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def lacking(accounting: bool) -> str | None:
    if os.geteuid() != 0:
        return "Slurm's daemons start as root only"
    wanted, path = PROGRAMS + (ACCOUNTING_PROGRAMS if accounting else ()), environment()["PATH"]
    if missing := [name for name in wanted if not shutil.which(name, path=path)]:
        return f"not installed: {', '.join(missing)} (.ci/run names the packages)"
    if "SLURM_CONF" in os.environ:
        return "SLURM_CONF is set: this machine belongs to a cluster"
    if foreign := [link for link in LINKS if os.path.lexists(link) and not _ours(link)]:
        return f"{foreign[0]} is there: this machine belongs to a cluster"
    return None


def configure(folder: Path, accounting: bool, offline: bool) -> None:
    """Make the folder, write the configuration there and link to it."""
    for name in ("run", "log", "state", "spool/c1", "spool/g1", "spool/g2"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    here, there = (HERE, THERE) if offline else ("127.0.0.1", "127.0.0.1")
    CONFIGURATION.mkdir(exist_ok=True)
    for link in LINKS:
        text = (OURS / link.name).read_text().replace("#accounting " * accounting, "")
        target = folder / link.name
        target.touch(mode=0o600)  # slurmdbd insists on it
        target.write_text(Template(text).safe_substitute(folder=folder, here=here, there=there))
        link.symlink_to(target)
    (folder / "munge.key").touch(mode=0o600)
    (folder / "munge.key").write_bytes(os.urandom(1024))


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


# ---- its processes ------------------------------------------------------------


def processes_with(path: Path) -> list[psutil.Process]:
    """Slurm's processes that have ``path``, or a file below it, open."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended while we looked
            if process.name().rstrip(":") in DAEMONS:
                held = os.scandir(f"/proc/{process.pid}/fd")
                if any(Path(os.readlink(one)).is_relative_to(path) for one in held):
                    found.append(process)
    return found


def kill_with(path: Path) -> None:
    """SIGKILL to all processes that have ``path`` open and to all that they have started."""
    while found := processes_with(path):
        # stopped first, so that none starts another or reports how a child of its own ended
        frozen = [stopped for process in found for stopped in _freeze(process)]
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _wait_until_gone(frozen, 10)
        time.sleep(0.05)  # a job step in the making opens its log a moment later


def _freeze(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process.suspend()
        return [process, *(each for child in process.children() for each in _freeze(child))]
    return []


def terminate_with(path: Path) -> None:
    """SIGTERM to the processes that have ``path`` open; return when they are gone."""
    found = processes_with(path)
    for process in found:
        process.terminate()
    _wait_until_gone(found, 30)


def _wait_until_gone(left: list[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(_alive, left)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still running: {left}")
        time.sleep(0.01)


def _alive(process: psutil.Process) -> bool:
    """A zombie has ended, whoever may collect it."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def scripts_of(job: int) -> list[psutil.Process]:
    """The processes in which a Slurm job's scripts run, as soon as there are some."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            is_script = ".snakemake/scripts" in "".join(process.cmdline()[1:2])
            if is_script and process.environ().get("SLURM_JOB_ID") == str(job):
                found.append(process)
    return found


# ---- its network --------------------------------------------------------------


def inside(*command: str) -> list[str]:
    """The command line that runs ``command`` in the network of the GPU nodes."""
    return ["nsenter", f"--net=/run/netns/{NAMESPACE}", "--", *command]


def add_network() -> bool:
    """Make the namespace and its link; say whether this machine could."""
    far = f"{LINK}-in"
    try:
        for command in (
            f"netns add {NAMESPACE}",
            # the far end comes into being inside: its name need not be free here
            f"link add {LINK} type veth peer name {far} netns {NAMESPACE}",
            f"address add {HERE}/30 dev {LINK}",
            f"link set {LINK} up",
            # Slurm writes each message in two halves; the second waits 40 ms for the first one's
            # receipt, and a command such as sacct sends many: ask for receipts at once
            f"route replace table local local {HERE} dev {LINK} src {HERE} quickack 1",
            f"-n {NAMESPACE} address add {THERE}/30 dev {far}",
            f"-n {NAMESPACE} link set {far} up",
            f"-n {NAMESPACE} link set lo up",
        ):
            subprocess.run(["ip", *command.split()], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        remove_network()
        return False
    return True


def remove_network() -> None:
    if shutil.which("ip"):
        for command in (f"link delete {LINK}", f"netns delete {NAMESPACE}"):
            subprocess.run(["ip", *command.split()], capture_output=True, check=False)
