"""A Slurm of the tests' own, on this machine: one CPU node, two nodes with two pretended GPUs each.

The daemons are Debian's, the nodes several `slurmd` beside each other. GPU nodes are offline (see
`cluster_setup`). What is left of a killed test run goes when the next cluster starts.
"""

import json
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster_processes import (
    Commands,
    has_stopped,
    kill_with,
    processes_with,
    terminate_with,
)
from cluster_setup import (
    CONFIGURATION,
    FOLDER,
    GPU_NODES,
    GPUS_PER_NODE,
    HERE,
    LINKS,
    LOCK,
    NODES,
    THERE,
    Layout,
    add_network,
    clear,
    gres_conf,
    inside,
    lacking,
    slurm_conf,
    slurmdbd_conf,
    start_accounting,
)
from filelock import FileLock

LOCK_SECONDS = 3600  # other test files with a cluster may come first

UP = {"idle", "mix", "alloc"}
ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"),
}
ACCOUNTED = (
    *("JobID", "JobName", "Partition", "Account", "QOS", "State", "ExitCode", "Elapsed"),
    *("MaxRSS", "ReqTRES", "AllocTRES", "NodeList", "Comment"),
)


class Unavailable(Exception):
    """Slurm cannot be started on this machine, and why."""


@dataclass(frozen=True)
class Job:
    """What squeue says of a job."""

    id: int
    state: str
    nodes: str
    comment: str
    workdir: str
    tres: dict[str, str]

    @property
    def rule(self) -> str:
        """Of a job of Snakemake, as its plugin writes it into the comment."""
        return self.comment.removeprefix("rule_").partition("_wildcards")[0]


class Cluster:
    """A running Slurm, as a context manager.

    Args:
        folder: where everything of it lies, in a folder of its own.
        accounting: with a database, so that `sacct` works; jobs then belong to the account `lab`,
            and one that asks for another account or quality of service is refused.

    Attributes:
        offline: whether the GPU nodes have a network of their own without a way out.

    Raises:
        Unavailable: on entering: this machine lacks something, or belongs to a real cluster.
        RuntimeError: on entering: it did not start although nothing was lacking.
    """

    def __init__(self, folder: Path, accounting: bool) -> None:
        self.folder = folder / FOLDER
        self.with_accounting = accounting
        self.offline = False
        self.commands = Commands(self.folder / "log")
        self._lock = FileLock(LOCK)
        self._database: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Cluster":
        if reason := lacking(self.with_accounting):
            raise Unavailable(reason)
        self._lock.acquire(timeout=LOCK_SECONDS)
        try:
            clear()
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    # ---- jobs -----------------------------------------------------------------

    def submit(self, script: str, *options: str) -> int:
        """Submit a shell script with sbatch's options; the job's id. Its output is with the logs.

        Raises:
            RuntimeError: Slurm refused it.
        """
        output = f"--output={self._layout.logs}/job-%j.txt"
        command = ("sbatch", "--parsable", output, *options, "--wrap", script)
        return int(self.commands.run(*command))

    def jobs(self) -> list[Job]:
        """All jobs since the start, also those that have ended.

        Raises:
            RuntimeError: the controller does not answer.
        """
        found = json.loads(self.commands.run("squeue", "--states=all", "--json"))
        if found["errors"]:  # its exit status would be 0
            raise RuntimeError(f"squeue: {found['errors']}")
        return [
            Job(
                id=job["job_id"],
                state=job["job_state"],
                nodes=job["nodes"],
                comment=job["comment"],
                workdir=job["current_working_directory"],
                tres=_tres(job["tres_alloc_str"] or job["tres_req_str"]),
            )
            for job in found["jobs"]
        ]

    def job(self, number: int) -> Job:
        """One job."""
        return next(job for job in self.jobs() if job.id == number)

    def wait(self, number: int, *states: str, seconds: float = 30) -> Job:
        """Wait until the job is in one of ``states`` (any in which it has ended, if none given).

        Raises:
            RuntimeError: it never was.
        """
        wanted = set(states) or ENDED
        self.commands.until(
            lambda: self.job(number).state in wanted, f"job {number} {wanted}", seconds
        )
        return self.job(number)

    def accounting(self, number: int) -> list[dict[str, str]]:
        """What sacct says of a job: a row for the job, one for its script, one for each srun.

        The database hears of things within five seconds, and not in their order; for a job that has
        ended this waits until it knows all.
        """
        if self.job(number).state in ENDED:
            self.commands.until(
                lambda: _complete(self._accounted(number)), f"job {number} in sacct"
            )
        return self._accounted(number)

    def _accounted(self, number: int) -> list[dict[str, str]]:
        rows = self.commands.run(
            *("sacct", f"--jobs={number}", "--parsable2", "--noconvert", "--delimiter=\x1f"),
            f"--format={','.join(ACCOUNTED)}",
        )
        header, *lines = rows.splitlines()
        return [dict(zip(header.split("\x1f"), line.split("\x1f"), strict=True)) for line in lines]

    def cancel_all(self) -> None:
        """Cancel every job and wait until none is left."""
        self.commands.run("scancel", "--user=root")
        self.commands.until(
            lambda: all(job.state in ENDED for job in self.jobs()), "all jobs' end", 30
        )

    # ---- faults ---------------------------------------------------------------

    def freeze(self, number: int) -> None:
        """Stop a running job's processes until `thaw`.

        A job counts as running before it has a process; a signal then reaches nobody.
        """

        def frozen() -> bool:
            self.commands.run("scancel", "--full", "--signal=STOP", str(number))
            return has_stopped(number)

        self.commands.until(frozen, f"job {number} to stand still")

    def thaw(self, number: int) -> None:
        """Let a job's processes go on."""
        self.commands.run("scancel", "--full", "--signal=CONT", str(number))

    def stop_controller(self) -> None:
        """End slurmctld, which saves its state; jobs go on."""
        terminate_with(self._layout.controller_log)

    def start_controller(self) -> None:
        """Start slurmctld and wait for its answer."""
        self.commands.daemon("slurmctld")
        self.commands.until(
            lambda: "is UP" in self.commands.run("scontrol", "ping", check=False), "slurmctld"
        )

    def kill_node(self, node: str) -> None:
        """Kill a node's slurmd and all that runs there, and tell the controller that it is down."""
        kill_with(self._layout.node_log(node))
        self.set_node(node, "down")

    def revive_node(self, node: str) -> None:
        """Start a killed, downed or drained node and wait until it takes jobs."""
        if not processes_with(self._layout.node_log(node)):
            self._start_node(node)
        # Slurm refuses it for a node that needs none
        self.commands.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
        self.commands.until(lambda: self.node_state(node) in UP, f"node {node}", 30)

    def set_node(self, node: str, state: str) -> None:
        """Set a node's state: down, drain, resume …"""
        self.commands.run("scontrol", "update", f"nodename={node}", f"state={state}", "reason=test")

    def node_state(self, node: str) -> str:
        """Such as idle, mix, alloc, down, drain, drng; with `*` where it does not answer."""
        return self.commands.run("sinfo", "--noheader", f"--nodes={node}", "--format=%t").split()[0]

    def tidy(self) -> None:
        """Make it as new for the next test: no jobs, all nodes up."""
        if not processes_with(self._layout.controller_log):
            self.start_controller()
        for node in NODES:
            if self.node_state(node) not in UP:
                self.revive_node(node)
        self.cancel_all()

    # ---- start and stop -------------------------------------------------------

    @property
    def _layout(self) -> Layout:
        return Layout(self.folder, *((HERE, THERE) if self.offline else ("127.0.0.1",) * 2))

    def _start(self) -> None:
        self.offline = add_network()
        layout = self._layout
        for folder in (layout.run, layout.logs, layout.state, *map(layout.spool, NODES)):
            folder.mkdir(parents=True, exist_ok=True)
        for number in range(GPUS_PER_NODE):
            try:
                os.mknod(layout.gpu_device(number), stat.S_IFCHR | 0o666, os.makedev(1, 3))
            except PermissionError:
                raise Unavailable("this machine does not let root make device files") from None
        self._configure(layout)
        self.commands.daemon(
            *("munged", "--force", f"--socket={layout.munge_socket}"),
            *(f"--key-file={layout.munge_key}", f"--seed-file={layout.run}/munged.seed"),
            *(f"--pid-file={layout.run}/munged.pid", f"--log-file={layout.logs}/munged.log"),
        )
        if self.with_accounting:
            self._database = start_accounting(layout, self.commands)
        self.start_controller()
        for node in NODES:
            self._start_node(node)
        self.commands.until(
            lambda: all(self.node_state(node) == "idle" for node in NODES), "all nodes to be idle"
        )

    def _configure(self, layout: Layout) -> None:
        texts = {
            "slurm.conf": slurm_conf(layout, self.with_accounting),
            "gres.conf": gres_conf(layout),
            "slurmdbd.conf": slurmdbd_conf(layout),
        }
        CONFIGURATION.mkdir(exist_ok=True)
        for link in LINKS:
            target = self.folder / link.name
            target.touch(mode=0o600)  # slurmdbd insists on it
            target.write_text(texts[link.name])
            link.symlink_to(target)
        layout.munge_key.touch(mode=0o600)
        layout.munge_key.write_bytes(os.urandom(1024))

    def _start_node(self, node: str) -> None:
        command = ["slurmd", "-N", node]
        if self.offline and node in GPU_NODES:
            command = inside(*command)
        self.commands.daemon(*command)

    def _stop(self) -> None:
        try:
            clear()
            if self._database is not None:
                self._database.wait(10)
        finally:
            self._lock.release()


def _tres(text: str) -> dict[str, str]:
    return dict(item.split("=", 1) for item in text.split(",") if item)


def _complete(rows: list[dict[str, str]]) -> bool:
    ended = all(row["State"].split()[0] in ENDED for row in rows)
    return bool(rows) and ended and rows[0]["Partition"] != ""
