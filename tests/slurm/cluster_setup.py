"""What a test cluster consists of: its files, its network, its database, and its place in /etc/slurm.

The configuration has to be found in /etc/slurm, because the job step of Snakemake's Slurm plugin drops
SLURM_CONF. So a machine has one test cluster at a time, kept by a lock, and none where a real
cluster's configuration lies.

GPU nodes of real clusters are offline. Here they live in a network namespace that has one link, to
this machine, and no route beyond it. The addresses are of the range kept for measuring networks
(RFC 2544), which nobody has.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster_processes import Commands, kill_with, search_path

CONFIGURATION = Path("/etc/slurm")
LINKS = tuple(CONFIGURATION / name for name in ("slurm.conf", "gres.conf", "slurmdbd.conf"))
FOLDER = "papertune-slurm"  # the links say by this name whose they are
LOCK = Path("/run/papertune-slurm.lock")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
ACCOUNTING_PROGRAMS = ("slurmdbd", "sacctmgr", "sacct", "mariadbd", "mariadb-install-db")

CLUSTER, ACCOUNT = "papertune", "lab"
GPU_NODES = ("g1", "g2")
NODES = ("c1", *GPU_NODES)
GPUS_PER_NODE = 2
# below the range that the kernel hands out, so that no other test's server can be there first
CONTROLLER_PORT, NODE_PORT, ACCOUNTING_PORT, DATABASE_PORT = 16817, 17001, 16819, 13306

NAMESPACE, LINK, HERE, THERE = "papertune-gpu", "pt-gpu", "198.18.71.1", "198.18.71.2"

# a small database that need not survive a power cut
SMALL_DATABASE = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=4M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--skip-log-bin",
    "--sync-frm=0",
    "--aria-pagecache-buffer-size=8M",
)


# ---- its place ----------------------------------------------------------------


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
    """Take it away, also that of a run that was killed."""
    if shutil.which("ip"):
        for command in (f"link delete {LINK}", f"netns delete {NAMESPACE}"):
            subprocess.run(["ip", *command.split()], capture_output=True, check=False)


# ---- its files ----------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """Where things lie and which addresses they have."""

    folder: Path
    controller_address: str
    gpu_address: str

    @property
    def run(self) -> Path:
        """Sockets and pid files."""
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def munge_socket(self) -> Path:
        return self.run / "munge.socket"

    @property
    def munge_key(self) -> Path:
        return self.folder / "munge.key"

    @property
    def state(self) -> Path:
        """What the controller keeps over a restart."""
        return self.folder / "state"

    def spool(self, node: str) -> Path:
        return self.folder / "spool" / node

    @property
    def controller_log(self) -> Path:
        return self.logs / "slurmctld.log"

    def node_log(self, node: str) -> Path:
        return self.logs / f"slurmd.{node}.log"

    def gpu_device(self, number: int) -> Path:
        return self.folder / f"gpu{number}"


def slurm_conf(layout: Layout, accounting: bool) -> str:
    """Text of slurm.conf; what is set for tests only has its reason beside it."""
    nodes = ""
    for number, node in enumerate(NODES):
        gpu = node in GPU_NODES
        address = layout.gpu_address if gpu else layout.controller_address
        nodes += (
            f"NodeName={node} NodeHostname=localhost NodeAddr={address} Port={NODE_PORT + number}"
            f" CPUs=16 RealMemory=64000{f' Gres=gpu:toy:{GPUS_PER_NODE}' if gpu else ''}\n"
        )
    return f"""\
ClusterName={CLUSTER}
SlurmctldHost=localhost({layout.controller_address})
SlurmctldPort={CONTROLLER_PORT}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# a requeued job waits for the end of its credential, 120 s by default
AuthInfo=socket={layout.munge_socket},cred_expire=5
StateSaveLocation={layout.state}
SlurmdSpoolDir={layout.spool("%n")}
SlurmctldPidFile={layout.run}/slurmctld.pid
SlurmdPidFile={layout.run}/slurmd.%n.pid
SlurmctldLogFile={layout.controller_log}
SlurmdLogFile={layout.node_log("%n")}
MailProg=/bin/true

# all nodes are this machine: no cgroups, and more cores than there are
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu

# jobs start at once
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1,sched_interval=1
# a busy test machine is no dead node; nodes go down when a test says so
SlurmdTimeout=300
ReturnToService=2
# finished jobs stay in squeue for as long as a test may ask
MinJobAge=3600
KillWait=5
OverTimeLimit=0

# jobs of `urgent` push those of `gpu` back into the queue, after five seconds' notice
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE

JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
{_accounting(layout) if accounting else "AccountingStorageType=accounting_storage/none"}

{nodes}
PartitionName=DEFAULT MaxTime=1:00:00 DefMemPerCPU=200 State=UP
PartitionName=cpu Nodes={NODES[0]} Default=YES
PartitionName=gpu Nodes={",".join(GPU_NODES)} PriorityTier=1 GraceTime=5
PartitionName=urgent Nodes={",".join(GPU_NODES)} PriorityTier=2 PreemptMode=OFF
"""


def _accounting(layout: Layout) -> str:
    return f"""\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={layout.controller_address}
AccountingStoragePort={ACCOUNTING_PORT}
AccountingStoragePass={layout.munge_socket}
AccountingStorageEnforce=associations,limits,qos
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment"""


def gres_conf(layout: Layout) -> str:
    """Text of gres.conf: GPUs that are only counted would drain the node, so they have files."""
    last = GPUS_PER_NODE - 1
    return "".join(
        f"NodeName={node} Name=gpu Type=toy File={layout.folder}/gpu[0-{last}]\n"
        for node in GPU_NODES
    )


def slurmdbd_conf(layout: Layout) -> str:
    """Text of slurmdbd.conf."""
    return f"""\
AuthType=auth/munge
AuthInfo={layout.munge_socket}
DbdHost=localhost
DbdAddr={layout.controller_address}
DbdPort={ACCOUNTING_PORT}
SlurmUser=root
PidFile={layout.run}/slurmdbd.pid
LogFile={layout.logs}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={DATABASE_PORT}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
"""


def start_accounting(layout: Layout, commands: Commands) -> subprocess.Popen[bytes]:
    """Start the database and slurmdbd, with one account for root; the database's process."""
    socket = layout.run / "database.socket"
    where = ("--no-defaults", "--user=root", f"--datadir={layout.folder}/database", *SMALL_DATABASE)
    commands.run("mariadb-install-db", *where, "--skip-test-db")
    database = commands.in_background(
        *("mariadbd", *where, f"--socket={socket}", f"--port={DATABASE_PORT}"),
        *("--bind-address=127.0.0.1", f"--pid-file={layout.run}/mariadbd.pid"),
        f"--log-error={layout.logs}/mariadbd.log",
    )
    commands.until(socket.exists, "the database")
    commands.run(
        *("mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--execute"),
        "create user slurm@'127.0.0.1' identified by 'slurm';"
        "create user slurm@localhost identified by 'slurm';"
        "grant all on slurm.* to slurm@'127.0.0.1';"
        "grant all on slurm.* to slurm@localhost;",
    )
    commands.daemon("slurmdbd")
    commands.until(
        lambda: "normal" in commands.run("sacctmgr", "--noheader", "show", "qos", check=False),
        "slurmdbd",
    )
    for entity in (
        ("cluster", CLUSTER),
        ("account", ACCOUNT, f"Cluster={CLUSTER}"),
        ("user", "root", f"Account={ACCOUNT}", f"DefaultAccount={ACCOUNT}"),
    ):
        commands.run("sacctmgr", "--immediate", "add", *entity)
    return database
