"""Queries to Slurm: its state, the queue, the partitions, and test submissions.

Every query has a time limit of some seconds; one without an answer raises a ClusterError.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from papertune.errors import PapertuneError, one_line

TOOLS = ("sbatch", "squeue", "sinfo", "scontrol", "scancel")
PARTITION = "slurm_partition"  # the resource that names a partition
CUT = "\x1f"  # separates the columns of a table
QUEUE = {"id": "%i", "run": "%j", "state": "%T", "folder": "%Z", "comment": "%k"}
NODES = {
    **{"name": "%P", "available": "%a", "limit": "%l", "nodes": "%D"},
    **{"cpus": "%c", "memory": "%m", "gres": "%G", "state": "%t"},
}
# ``gpu:4``, ``gpu:a100-sxm4-40gb:4(S:0-1)``, ``gpu:a100:no_consume:4``, among other resources
GPUS = re.compile(r"(?:^|,)gpu:(?:([^:,()]+):)?(?:no_consume:)?(\d+)(?![^,(])")
UNITS = (86_400, 3_600, 60, 1)  # seconds of a day, an hour, a minute
UP = {"idle", "mix", "alloc", "comp", "plnd"}  # states of nodes that take jobs


class ClusterError(PapertuneError):
    """The cluster does not answer, or rejects a request."""


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A queued or running job. ``run`` is the run of Snakemake that submitted it."""

    id: str
    run: str
    state: str
    folder: str
    comment: str

    @property
    def of_a_run(self) -> bool:
        """Whether Snakemake submitted it."""
        uuid = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", self.run)
        return bool(uuid) and self.comment.startswith(("rule_", "group_"))

    def __str__(self) -> str:
        rule = self.comment.removeprefix("rule_").replace("_wildcards_", " ", 1)
        return one_line(f"{rule} ({self.state.lower()}, {self.id})")


def missing_tools() -> list[str]:
    """The missing commands: all of them on a machine without Slurm."""
    return [name for name in TOOLS if shutil.which(name) is None]


def ask(*command: str, seconds: float = 10, last: int = 1) -> str:
    """A command's output; ClusterError if it is missing, fails or does not answer in time.

    The error has the ``last`` lines of its output.
    """
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True}
    try:
        done = subprocess.run(command, text=True, errors="replace", timeout=seconds, **pipes)
    except FileNotFoundError:
        raise ClusterError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{command[0]} did not answer within {seconds:.0f} seconds") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).splitlines()
        lines = [line.strip() for line in said if line.strip() and not line.startswith("*")]
        told = "; ".join(lines[-last:]) or "failed without a message"
        raise ClusterError(f"{command[0]}: {told}")
    return done.stdout


def seconds_of(duration: str) -> float | None:
    """Seconds of ``[days-][hours:]minutes:seconds``; None for anything else."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)", duration)
    if not found:
        return None
    return sum(float(part or 0) * unit for part, unit in zip(found.groups(), UNITS, strict=True))


def check_controller() -> None:
    """Check that the controller answers: other commands wait long before they give up."""
    if " is UP" not in (said := ask("scontrol", "ping", seconds=5)):
        raise ClusterError(f"the controller does not answer: {said.strip()}")


def configuration() -> dict[str, str]:
    """The controller's configuration, by the names of slurm.conf."""
    return dict(re.findall(r"^(\w+) *= (.*)$", ask("scontrol", "show", "config"), re.M))


def rows_of(text: str, columns: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a table whose columns are separated by :data:`CUT`; other lines are skipped."""
    names = list(columns)
    rows = (line.split(CUT, len(names) - 1) for line in text.split("\n"))
    return [dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)]


def queue() -> list[QueuedJob]:
    """This user's jobs that are queued, running or completing."""
    user = f"--user={os.getuid()}"  # users in containers may have no name
    return read_queue(
        ask("squeue", "--noheader", "--array", user, f"--format={CUT.join(QUEUE.values())}")
    )


def read_queue(text: str) -> list[QueuedJob]:
    """Parse the output that :func:`queue` requests."""
    return [QueuedJob(**row) for row in rows_of(text, QUEUE)]


@dataclass(frozen=True, slots=True)
class Shape:
    """Identical nodes: what each has, their number, and how many accept jobs now."""

    cpus: int
    memory_mb: int
    gpus: Mapping[str, int]  # model → number; the model is "" if the site names none
    nodes: int
    up: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition; ``minutes`` is its time limit for jobs, None if there is none."""

    name: str
    default: bool
    up: bool
    minutes: float | None
    shapes: list[Shape] = field(default_factory=list)


def partitions() -> list[Partition]:
    """The partitions visible to this user; raises ClusterError as :func:`ask` does."""
    form = f"--format={CUT.join(NODES.values())}"
    return read_partitions(ask("sinfo", "--noheader", "--exact", form))


def read_partitions(text: str) -> list[Partition]:
    """Parse the output that :func:`partitions` requests: a row per kind of node and state."""
    found: dict[str, Partition] = {}
    for row in rows_of(text, NODES):
        usable = re.sub(r"(?<!\W)\W++$", "", row["state"]) in UP and "*" not in row["state"]
        gpus: Counter[str] = Counter()
        for model, count in GPUS.findall(row["gres"]):
            gpus[model] += int(count)  # of ``gpu:a100:4(S:0-1),gpu:2``
        cpus, memory, nodes = (int(row[name].rstrip("+")) for name in ("cpus", "memory", "nodes"))
        name, seconds = row["name"].rstrip("*"), seconds_of(row["limit"])  # None for ``infinite``
        minutes = None if seconds is None else seconds / 60
        new = Partition(name, name != row["name"], row["available"] == "up", minutes)
        shape = Shape(cpus, memory, gpus, nodes, up=nodes if usable else 0)
        found.setdefault(name, new).shapes.append(shape)
    return list(found.values())


def refusal(wanted: list[str], partition: str = "") -> str:
    """Why sbatch would reject a job with these options, in Slurm's words; else empty.

    A given ``partition`` overrides the one in the options.
    """
    instead = [f"--partition={partition}"] if partition else []  # the last one counts
    try:
        # the line before the last names the limit that is reached
        ask("sbatch", *wanted, *instead, "--test-only", "--wrap=true", seconds=20, last=2)
    except ClusterError as error:
        if "did not answer" in error.what or "not installed" in error.what:
            raise
        return re.sub(r"sbatch: |error: |allocation failure: ", "", error.what)
    return ""
