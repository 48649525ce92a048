"""A test Slurm on this machine: one CPU node, two nodes with two simulated GPUs each.

The daemons are Debian's, the nodes several `slurmd` beside each other. GPU nodes are offline (see
`cluster_setup`). What is left of a killed test run goes when the next cluster starts.
"""

import os
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster_setup import (
    FOLDER,
    LOCK,
    add_network,
    clear,
    configure,
    environment,
    inside,
    kill_with,
    lacking,
    processes_with,
    scripts_of,
    terminate_with,
)
from filelock import FileLock

from papertune.cluster.slurm import CUT, rows_of
from processes import busy

NODES = ("c1", "g1", "g2")
UP = {"idle", "mix", "alloc"}
ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"),
}
# a small database that need not survive a power cut
DATABASE = (
    *("--no-defaults", "--user=root", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M"),
    *("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0", "--sync-frm=0"),
    *("--innodb-doublewrite=0", "--skip-log-bin", "--aria-pagecache-buffer-size=8M"),
)


@dataclass(frozen=True)
class Job:
    """What squeue says of a job."""

    id: int
    state: str
    nodes: str
    workdir: str
    comment: str

    @property
    def rule(self) -> str:
        """Of a job of Snakemake, as its plugin writes it into the comment."""
        return self.comment.removeprefix("rule_").partition("_wildcards")[0]


class Cluster:
    """A running Slurm; skips the test where there can be none.

    With accounting, `sacct` works, and jobs that do not belong to the account `lab` are refused.
    """

    def __init__(self, folder: Path, accounting: bool) -> None:
        if reason := lacking(accounting):
            pytest.skip(reason)
        self.folder, self.with_accounting = folder / FOLDER, accounting
        self._lock = FileLock(LOCK)
        self._lock.acquire(timeout=3600)  # other test files with a cluster may come first
        try:
            clear()
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it."""
        try:
            clear()
        finally:
            self._lock.release()

    # ---- jobs -----------------------------------------------------------------

    def submit(self, script: str, *options: str) -> int:
        """Submit a shell script with sbatch's options; the job's id. Its output is with the logs."""
        output = f"--output={self.folder}/log/job-%j.txt"
        return int(self.run("sbatch", "--parsable", output, *options, "--wrap", script))

    def jobs(self) -> list[Job]:
        """All jobs since the start, also those that have ended."""
        columns = {"id": "%A", "state": "%T", "nodes": "%N", "workdir": "%Z", "comment": "%k"}
        form = f"--format={CUT.join(columns.values())}"
        rows = rows_of(self.run("squeue", "--states=all", "--noheader", form), columns)
        return [Job(**row | {"id": int(row["id"])}) for row in rows]

    def job(self, number: int) -> Job:
        return next(job for job in self.jobs() if job.id == number)

    def wait(self, number: int, *states: str, seconds: float = 30) -> None:
        """Wait until the job is in one of ``states`` (any in which it has ended, if none given)."""
        wanted = set(states) or ENDED
        self.until(lambda: self.job(number).state in wanted, f"job {number} {wanted}", seconds)

    def accounted(self, number: int) -> dict[str, str]:
        """What sacct says of a job that has ended: its partition, and what it was given.

        The database hears of things within five seconds, and not in their order; this waits until
        it knows all.
        """
        columns = ("State", "Partition", "AllocTRES")
        command = ("sacct", f"--jobs={number}", "--noheader", "--parsable2", "--noconvert")
        form = (f"--delimiter={CUT}", f"--format={','.join(columns)}")
        rows: list[dict[str, str]] = []

        def complete() -> bool:
            rows[:] = rows_of(self.run(*command, *form), columns)
            ended = [row["State"].split()[0] in ENDED for row in rows]
            return all(ended) and bool(rows and rows[0]["Partition"])

        self.until(complete, f"job {number} in sacct")
        return rows[0]

    # ---- faults ---------------------------------------------------------------

    def freeze(self, number: int) -> None:
        """Stop a job's script, so that the job lasts, until `thaw`.

        A job counts as running before it has a process, and a signal then reaches nobody: this
        waits for one.
        """
        self.until(lambda: scripts_of(number), f"a script of job {number}")
        for process in scripts_of(number):
            process.suspend()

    def thaw(self, number: int) -> None:
        for process in scripts_of(number):
            process.resume()

    def stop_controller(self) -> None:
        """End slurmctld, which saves its state; jobs go on."""
        terminate_with(self.folder / "log/slurmctld.log")

    def start_controller(self) -> None:
        self._daemon("slurmctld")
        self.until(lambda: "is UP" in self.run("scontrol", "ping", check=False), "slurmctld")
        # until a node has said what it has, steps that ask for its GPUs fail or wait for ever
        for node in NODES:
            if processes_with(self.folder / f"log/slurmd.{node}.log"):
                self.until(lambda node=node: self._has_registered(node), f"node {node}")

    def stop_accounting(self) -> None:
        """End slurmdbd; jobs go on."""
        terminate_with(self.folder / "log/slurmdbd.log")

    def start_accounting(self) -> None:
        self._daemon("slurmdbd")
        qos = ("sacctmgr", "--noheader", "show", "qos")
        self.until(lambda: "normal" in self.run(*qos, check=False), "slurmdbd")

    def kill_node(self, node: str) -> None:
        """Kill a node's slurmd and all that runs there, and tell the controller that it is down."""
        kill_with(self.folder / f"log/slurmd.{node}.log")
        self.set_node(node, "down")

    def set_node(self, node: str, state: str, check: bool = True) -> None:
        reason = () if state == "resume" else ("reason=test",)
        self.run("scontrol", "update", f"nodename={node}", f"state={state}", *reason, check=check)

    def _has_registered(self, node: str) -> bool:
        return "SlurmdStartTime=None" not in self.run("scontrol", "show", "node", node)

    def _state_of(self, node: str) -> str:
        return self.run("sinfo", "--noheader", f"--nodes={node}", "--format=%t").split()[0]

    def tidy(self) -> None:
        """Make it as new for the next test: no jobs, all nodes up."""
        if not processes_with(self.folder / "log/slurmctld.log"):
            self.start_controller()
        for node in NODES:
            if self._state_of(node) not in UP:
                if not processes_with(self.folder / f"log/slurmd.{node}.log"):
                    self._start_node(node)
                self.set_node(node, "resume", check=False)  # refused for a node that needs none
                self.until(lambda node=node: self._state_of(node) in UP, f"node {node}")
        self.run("scancel", "--user=root")
        self.until(lambda: all(job.state in ENDED for job in self.jobs()), "all jobs' end")

    # ---- its start --------------------------------------------------------------

    def _start(self) -> None:
        self.offline = add_network()
        configure(self.folder, self.with_accounting, self.offline)
        for number in range(2):
            try:
                gpu = self.folder / f"gpu{number}"
                os.mknod(gpu, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            except PermissionError:
                pytest.skip("this machine does not let root make device files")
        run, munge = self.folder / "run", f"{self.folder}/run/munge"
        self._daemon(
            *(
                "munged",
                "--force",
                f"--socket={munge}.socket",
                f"--key-file={self.folder}/munge.key",
            ),
            *(f"--seed-file={munge}.seed", f"--pid-file={munge}.pid"),
            f"--log-file={self.folder}/log/munged.log",
        )
        if self.with_accounting:
            self._add_accounting(run / "database.socket")
        self.start_controller()
        for node in NODES:
            self._start_node(node)
        self.until(lambda: all(self._state_of(node) == "idle" for node in NODES), "idle nodes")

    def _start_node(self, node: str) -> None:
        command = ["slurmd", "-N", node]
        self._daemon(*(inside(*command) if self.offline and node != "c1" else command))

    def _add_accounting(self, socket: Path) -> None:
        """Start the database and slurmdbd, with one account for root."""
        where = (*DATABASE, f"--datadir={self.folder}/database")
        self.run("mariadb-install-db", *where, "--skip-test-db")
        log = f"--log-error={self.folder}/log/mariadbd.log"
        subprocess.Popen(
            [
                "mariadbd",
                *where,
                f"--socket={socket}",
                "--port=13306",
                "--bind-address=127.0.0.1",
                log,
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # it has a log
            env=environment(),
            start_new_session=True,
        )
        self.until(socket.exists, "the database")
        users = ("slurm@'127.0.0.1'", "slurm@localhost")
        self.run(
            *("mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--execute"),
            "".join(f"create user {user} identified by 'slurm';" for user in users)
            + "".join(f"grant all on slurm.* to {user};" for user in users),
        )
        self.start_accounting()
        for entity in ("cluster papertune", "account lab", "user root Account=lab"):
            self.run("sacctmgr", "--immediate", "add", *entity.split())

    # ---- commands -----------------------------------------------------------------

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command to its end; output and errors as one text. RuntimeError shows the logs."""
        return self._run(command, check, stdout=subprocess.PIPE)

    def _daemon(self, *command: str) -> None:
        """Start what puts itself in the background; a pipe for its output would never end."""
        with (self.folder / "log/start.log").open("a") as output:
            self._run(command, True, stdout=output)

    def _run(self, command: tuple[str, ...], check: bool, **how) -> str:
        how |= {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "env": environment()}
        done = subprocess.run(command, text=True, timeout=60, **how)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}\n{self._log_ends()}")
        return done.stdout

    def until(self, condition: Callable[[], object], what: str, seconds: float = 30) -> None:
        """Wait for a condition; RuntimeError shows the logs."""
        deadline = time.monotonic() + seconds * busy()
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {seconds} s for {what}\n{self._log_ends()}")
            time.sleep(0.1)

    def _log_ends(self) -> str:
        ends = ""
        for log in sorted((self.folder / "log").glob("*")):
            lines = log.read_text(errors="replace").splitlines()[-8:]
            ends += "\n".join((f"== {log.name}", *lines, ""))
        return ends
