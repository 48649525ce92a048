"""The configuration files of the test cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CLUSTER = "papertune"
CPU_NODES = ("c1",)
GPU_NODES = ("g1", "g2")
NODES = (*CPU_NODES, *GPU_NODES)
GPUS_PER_NODE = 2

# below the range that the kernel hands out, so that no other test's server can be there first
CONTROLLER_PORT, NODE_PORT, ACCOUNTING_PORT, DATABASE_PORT = 16817, 17001, 16819, 13306


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
PartitionName=cpu Nodes={",".join(CPU_NODES)} Default=YES
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
