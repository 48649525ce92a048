"""The session of the submitting Snakemake: what may end it, and what jobs inherit from it.

Jobs continue when it ends, and the next run waits for them; but no further jobs are submitted.
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
# columns of sacctmgr: limits on a user's queued jobs, of the association and of its quality of
# service
LIMITS = ("MaxSubmit", "MaxSubmitPU")


def check_session(started_in: Mapping[str, str], jobs: int | None) -> Iterator[Finding]:
    """Check the session that a run was started in, with its environment.

    ``jobs`` is how many it may have in the queue at once. ``started_in`` is the environment before
    the executor removes Slurm's variables.
    """
    if job := started_in.get("SLURM_JOB_ID"):
        yield _of_job(job)
    else:
        yield from _of_login(started_in)
    if handed := {name: value for name, value in started_in.items() if name.startswith("SBATCH_")}:
        listed = ", ".join(f"{name}={value}" for name, value in sorted(handed.items()))
        yield doubt(
            f"the environment adds options to every job: {listed}",
            f"unset {' '.join(sorted(handed))}, so that only the profile sets options",
        )
    if jobs and (most := most_in_queue()) is not None:
        if jobs > most:
            yield doubt(
                f"at most {most} of your jobs may be in the queue, and the profile says jobs: {jobs}",
                f"nothing, if only this run submits: further jobs wait; else set jobs below {most}",
            )
        else:
            yield fine(f"{most} of your jobs may be in the queue, {jobs} are requested")


def _of_job(job: str) -> Finding:
    """For a Snakemake inside a job: how long that job may run."""
    left = None
    with suppress(ClusterError):
        said = ask("squeue", "--noheader", f"--jobs={job}", "--format=%L", seconds=5).strip()
        left = "without a time limit" if said == "UNLIMITED" else None
        if seconds_of(said) is not None:
            left = f"for {said} more (hours:minutes:seconds)"
    return doubt(
        f"Snakemake runs in job {job} itself, {left or 'until that ends'}",
        "its jobs continue when it ends, and the next run waits for them: submit it again "
        f"(with --unlock first, see {README})",
    )


def _of_login(started_in: Mapping[str, str]) -> Iterator[Finding]:
    """For a Snakemake in a login session: whether it ends with the session."""
    name = started_in.get("USER", "")
    with suppress(KeyError, OSError):  # a user without a name
        name = name or getpass.getuser()
    folder, lingering = LOGIN
    if kills_at_logout(folder, name) and not (lingering / name).exists():
        yield doubt(
            "this machine ends all your processes when you log out, including tmux and screen",
            f"`loginctl enable-linger`, then `systemd-run --user --scope tmux`; or start in a job ({README})",
        )
    elif (
        "SSH_CONNECTION" in started_in
        and not {"TMUX", "STY"} & set(started_in)
        and sys.stderr.isatty()
        and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # nohup
    ):
        yield doubt(
            "a run that is started here ends with this connection; its jobs continue",
            "start in tmux or screen, or with nohup before the command",
        )


def kills_at_logout(folder: Path, user: str) -> bool:
    """Whether systemd kills a user's processes at logout, by the files in ``folder``."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.read_dict({"Login": {}})
    with suppress(ParsingError, ValueError):  # systemd ignores these, too
        parser.read([folder / "logind.conf", *sorted((folder / "logind.conf.d").glob("*.conf"))])
    said = parser["Login"]
    only, never = (said.get(name, "").split() for name in ("KillOnlyUsers", "KillExcludeUsers"))
    kills = said.get("KillUserProcesses", "").lower() in {"yes", "true", "on", "1"}
    never = never if "KillExcludeUsers" in said else ["root"]
    return kills and user not in never and (not only or user in only)


def most_in_queue() -> int | None:
    """How many jobs this user may have in the queue; None if unlimited or unknown."""
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
