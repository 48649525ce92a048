"""Where the Snakemake that submits was started: what would end it, and what it hands on to its jobs.

Jobs go on when it ends, and the next run waits for them; but nobody submits what comes after them.
"""

import getpass
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from configparser import ConfigParser, ParsingError
from contextlib import suppress
from pathlib import Path

from papertune.cluster.findings import Finding, doubt, fine
from papertune.cluster.slurm import ClusterError, ask, seconds_of

README = "profiles/slurm/README.md"
LOGIN = Path("/etc/systemd"), Path("/var/lib/systemd/linger")
# columns of sacctmgr: how many jobs a user may have in the queue, as the user's association and its
# quality of service say
LIMITS = ("MaxSubmit", "MaxSubmitPU")


def check_session(started_in: Mapping[str, str], jobs: int | None) -> Iterator[Finding]:
    """What a run should know of the place that it was started in, with that environment.

    ``jobs`` is how many it may have in the queue at once. The environment is the one of before the
    executor takes Slurm's variables out of its own.
    """
    if job := started_in.get("SLURM_JOB_ID"):
        yield _of_job(job)
    else:
        yield from _of_login(started_in)
    if handed := {name: value for name, value in started_in.items() if name.startswith("SBATCH_")}:
        listed = ", ".join(f"{name}={value}" for name, value in sorted(handed.items()))
        yield doubt(
            f"the environment adds options to every job: {listed}",
            f"unset {' '.join(sorted(handed))}, where the profile is to say all",
        )
    if jobs and (most := most_in_queue()) is not None:
        if jobs > most:
            yield doubt(
                f"at most {most} of your jobs may be in the queue, and the profile says jobs: {jobs}",
                f"nothing, if only this run submits: the others wait; else set jobs below {most}",
            )
        else:
            yield fine(f"{most} of your jobs may be in the queue, {jobs} are asked for")


def _of_job(job: str) -> Finding:
    """Of a Snakemake in a job: until when it lives."""
    left = None
    with suppress(ClusterError):
        said = ask("squeue", "--noheader", f"--jobs={job}", "--format=%L", seconds=5).strip()
        left = "for as long as it likes" if said == "UNLIMITED" else None
        if seconds_of(said) is not None:
            left = f"for {said} more (hours:minutes:seconds)"
    return doubt(
        f"Snakemake runs in job {job} itself, {left or 'until that ends'}",
        "jobs go on when it ends, and the next run waits for them: submit it once more "
        f"(with --unlock first, see {README})",
    )


def _of_login(started_in: Mapping[str, str]) -> Iterator[Finding]:
    """Of a Snakemake in a login: whether it ends with that."""
    name = started_in.get("USER", "")
    with suppress(KeyError, OSError):  # a user without a name
        name = name or getpass.getuser()
    folder, lingering = LOGIN
    if kills_at_logout(folder, name) and not (lingering / name).exists():
        yield doubt(
            "this machine ends all that you have started when you log out, tmux and screen too",
            f"`loginctl enable-linger`, then `systemd-run --user --scope tmux`; or start in a job ({README})",
        )
    elif (
        "SSH_CONNECTION" in started_in
        and not {"TMUX", "STY"} & set(started_in)
        and sys.stderr.isatty()
        and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # nohup
    ):
        yield doubt(
            "a run that is started here ends when this connection does; its jobs go on",
            "start in tmux or screen, or with nohup before the command",
        )


def kills_at_logout(folder: Path, user: str) -> bool:
    """Whether systemd ends the processes of a user who logs out, by the files in ``folder``."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.read_dict({"Login": {}})
    with suppress(ParsingError, ValueError):  # what systemd passes over, too
        parser.read([folder / "logind.conf", *sorted((folder / "logind.conf.d").glob("*.conf"))])
    said = parser["Login"]
    only, never = (said.get(name, "").split() for name in ("KillOnlyUsers", "KillExcludeUsers"))
    kills = said.get("KillUserProcesses", "").lower() in {"yes", "true", "on", "1"}
    never = never if "KillExcludeUsers" in said else ["root"]
    return kills and user not in never and (not only or user in only)


def most_in_queue() -> int | None:
    """How many jobs this user may have in the queue; None where nothing limits or tells it."""
    found: list[int] = []
    name = f"user={os.environ.get('USER') or os.getuid()}"
    with suppress(KeyError, OSError):
        name = f"user={getpass.getuser()}"
    with suppress(ClusterError):
        who = ("sacctmgr", "--noheader", "--parsable2", "show")
        limit, quality = LIMITS
        columns = (limit, "DefaultQOS", "QOS")
        for line in ask(*who, "association", name, f"format={','.join(columns)}").splitlines():
            number, default, allowed = (line.split("|") + [""] * 3)[:3]
            found += map(int, filter(str.isdigit, [number]))
            names = default or (allowed if "," not in allowed else "")
            if names:
                said = ask(*who, "qos", names, f"format={quality}")
                found += map(int, filter(str.isdigit, said.split()))
    return min(found, default=None)
