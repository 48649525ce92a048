"""Asks Slurm: whether it answers, what is in the queue, what it would refuse.

Every question ends after some seconds; one that gets no answer raises a ClusterError.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from papertune.errors import PapertuneError

TOOLS = ("sbatch", "squeue", "sinfo", "scontrol", "scancel")
EXECUTOR = "snakemake_executor_plugin_slurm"  # the module of what submits, a plugin of Snakemake
PARTITION = "slurm_partition"  # the resource that names a partition
SECONDS = 10.0
CUT = "\x1f"


class ClusterError(PapertuneError):
    """The cluster does not answer, or does not take what it is asked for."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the controller says of itself; ``now`` is its clock, in seconds since 1970."""

    version: str
    accounting: bool
    forgets_after: int  # seconds for which the queue shows a job that has ended
    now: float


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that is queued or running. ``run`` is the run of Snakemake that submitted it."""

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
        what = f"{rule} ({self.state.lower()}, {self.id})"
        return "".join(letter if letter.isprintable() else "?" for letter in what)


def missing_tools() -> list[str]:
    """The commands that are not there; none of them on a machine without Slurm."""
    return [name for name in TOOLS if shutil.which(name) is None]


def ask(*command: str, seconds: float = SECONDS) -> str:
    """What a command prints; ClusterError where it is missing, fails or does not answer in time."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise ClusterError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{command[0]} did not answer within {seconds:.0f} seconds") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).splitlines()
        lines = [line.strip() for line in said if line.strip() and not line.startswith("*")]
        raise ClusterError(f"{command[0]}: {(lines or ['failed and said nothing'])[-1]}")
    return done.stdout


def seconds_of(duration: str) -> float | None:
    """Seconds of ``[days-][hours:]minutes:seconds``; None for anything else."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)", duration)
    if not found:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def check_controller() -> None:
    """Ask whether the controller is there: other commands try for long before they give up."""
    if " is UP" not in (said := ask("scontrol", "ping", seconds=5)):
        raise ClusterError(f"the controller does not answer: {said.strip()}")


def read_configuration(text: str) -> Configuration:
    """What ``scontrol show config`` prints."""
    values = dict(re.findall(r"^(\w+) *= (.*)$", text, re.M))
    head = re.search(r"as of (\S+)", text)
    age = re.match(r"\d+", values.get("MinJobAge", ""))
    return Configuration(
        version=values.get("SLURM_VERSION", "?"),
        accounting="slurmdbd" in values.get("AccountingStorageType", ""),
        forgets_after=int(age[0]) if age else 0,
        now=datetime.fromisoformat(head[1]).timestamp() if head else 0.0,
    )


def queue() -> list[QueuedJob]:
    """This user's jobs that are queued, running or about to be gone."""
    # the comment is last: it may have any character
    form = CUT.join(("%i", "%j", "%T", "%Z", "%k"))
    user = f"--user={os.getuid()}"  # users in containers may have no name
    return read_queue(ask("squeue", "--noheader", "--array", user, f"--format={form}"))


def read_queue(text: str) -> list[QueuedJob]:
    """The rows that :func:`queue` asks for."""
    rows = [line.split(CUT, 4) for line in text.split("\n")]
    return [QueuedJob(*row) for row in rows if len(row) == 5]


def submits(executor: Any) -> bool:
    """Whether a Snakemake executor submits to Slurm."""
    return type(executor).__module__ == EXECUTOR


def options(executor: Any, rule: str, resources: Mapping[str, Any], threads: int) -> list[str]:
    """The options that the executor would give to sbatch; ClusterError where it would not submit."""
    # the plugin's own functions are what is submitted with; where it runs, they are there
    submit_string, utils, validation = (
        import_module(f"{EXECUTOR}.{name}") for name in ("submit_string", "utils", "validation")
    )
    job = SimpleNamespace(name=rule, resources=_Resources(resources), threads=threads)
    try:
        validation.validate_slurm_extra(job)
        call = submit_string.get_submit_command(
            job,
            {
                "run_uuid": "papertune-check",
                "slurm_logfile": os.devnull,
                "comment_str": rule,
                "account": next(executor.get_account_arg(job)),
                "partition": executor.get_partition_arg(job),
                "workdir": executor.workflow.workdir_init,
            },
            settings=executor.workflow.executor_settings,
        )
        call += utils.set_gres_string(job)
    except FileNotFoundError as error:  # it guesses accounts with commands that may be missing
        raise ClusterError(
            f"the executor wants {error.filename}, which is not installed",
            hint="name the account in the profile: slurm_account",
        ) from None
    except Exception as error:  # Snakemake's own errors, which the library does not know
        raise ClusterError(" ".join(str(error).split())) from None
    return shlex.split(call)[1:]


class _Resources(dict[str, Any]):
    """Resources as the plugin reads them: as attributes and with ``get``."""

    __getattr__ = dict.get


def refusal(wanted: list[str], partition: str = "") -> str:
    """Why sbatch would not take a job with these options, in Slurm's words; else empty.

    A partition that is given is asked instead of the one that the options name.
    """
    instead = [f"--partition={partition}"] if partition else []  # the last one counts
    try:
        ask("sbatch", *wanted, *instead, "--test-only", "--wrap=true", seconds=20)
    except ClusterError as error:
        if "did not answer" in error.what or "not installed" in error.what:
            raise
        return error.what.removeprefix("sbatch: ").removeprefix("allocation failure: ")
    return ""
