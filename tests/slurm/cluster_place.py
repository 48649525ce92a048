"""A folder with two jobs of the cluster that report their begin and end, and run until stopped."""

import signal
import subprocess
from pathlib import Path

from cluster import Cluster
from cluster_setup import OURS
from cluster_study import start

OPTIONS = (
    *("--snakefile", str(OURS / "slow.smk")),
    *("--executor", "slurm", "--jobs", "5", "--rerun-incomplete", "--latency-wait", "5"),
    *("--slurm-init-seconds-before-status-checks", "1", "--slurm-status-command", "squeue"),
)


class Place:
    """A folder, and runs of slow.smk in it: two jobs that say when they begin and end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return start(self.folder, [*OPTIONS, *arguments], subprocess.PIPE, **environment)

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        run = self.start(*arguments, WARM_RUN="1", **environment)
        said, _ = run.communicate(timeout=120)
        assert run.returncode == code, said
        return said

    def go(self) -> None:
        """Let jobs end."""
        (self.folder / "go").touch()

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []


def states(cluster: Cluster, place: Place) -> list[str]:
    jobs = sorted(cluster.jobs(), key=lambda job: job.id)
    return [job.state for job in jobs if job.workdir == str(place.folder)]


def killed(
    cluster: Cluster, place: Place, *arguments: str, by: signal.Signals = signal.SIGKILL
) -> None:
    """A run that is killed while its two jobs are at work."""
    process = place.start(*arguments)
    cluster.until(lambda: len(place.log) == 2, "two jobs at work", 60)
    process.send_signal(by)
    process.communicate()
