"""A small study that runs on the tests' cluster, by the profile as a user would edit it."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import eager_snakemake
import yaml
from cluster import Cluster, Job
from cluster_setup import OURS

import warm_jobs
from end_to_end.conftest import row, write_study
from papertune.demo.papers import papers
from snakemake_run import ROOT, logs_in
from tiny_models import make_model


def start(folder: Path, options: list[str], stdout: Any, **environment: str) -> subprocess.Popen:
    """Start `snakemake` in a folder, and go on."""
    ours = {"PAPERTUNE_CONTACT": "tests@papertune.example"}
    return subprocess.Popen(
        [sys.executable, eager_snakemake.__file__, *options],
        cwd=folder,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | warm_jobs.environment() | ours | environment,
    )


def site_profile(folder: Path, **site: str) -> Path:
    """The Slurm profile with lines of a site filled in, as a user would, commented out or not.

    `slurm_partition` stands there twice: here `cpu_partition` and `gpu_partition`.
    """
    lines = (ROOT / "profiles/slurm/config.yaml").read_text().splitlines()
    values = {"cpu_partition": "cpu", "gpu_partition": "gpu", "gpu_model": "toy-80gb"} | site
    # the tests have no time to wait for
    values.setdefault("slurm-init-seconds-before-status-checks", "1")
    values.setdefault("latency-wait", "5")
    for key, value in values.items():
        name = "slurm_partition" if key.endswith("_partition") else key
        places = [n for n, line in enumerate(lines) if re.match(rf" *(# )?{name}: ", line)]
        assert len(places) == (2 if name == "slurm_partition" else 1), key
        place = places[1 if key == "gpu_partition" else 0]
        indent = re.match(" *", lines[place])[0]
        lines[place] = f"{indent}{name}: {value}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text("\n".join(lines) + "\n")
    return folder


class ClusterStudy:
    """One model, trained and compared with its base on one test set: seven jobs of the cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "small.yaml"

    def make(self, **changes: Any) -> "ClusterStudy":
        """Write its settings, its documents and its base."""
        self.folder.mkdir(parents=True, exist_ok=True)
        values = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())
        documents = [row(paper) for year in range(2019, 2023) for paper in papers(year, 5, 1)]
        (self.folder / "documents.json").write_text(json.dumps(documents))
        extractive = {"generators": {"extractive": values["generators"]["extractive"]}}
        values |= extractive | yaml.safe_load((OURS / "small.yaml").read_text()) | changes
        write_study(self.folder, values)
        make_model(self.folder / "tiny", context=512)
        return self

    def _options(self, profile: Path | None, *arguments: str, target: str) -> list[str]:
        """What a user types after `snakemake`; without a profile it runs on this machine."""
        return [
            *(target, "--snakefile", str(ROOT / "Snakefile")),
            *("--workflow-profile", str(ROOT / "profiles/default")),
            *("--config", f"experiments={self.file}"),
            *(("--profile", str(profile)) if profile else ()),
            *arguments,
        ]

    def start(
        self, profile: Path, *arguments: str, target: str = "all", **environment: str
    ) -> subprocess.Popen[str]:
        """Start it and go on; what it says goes to `run.log`."""
        with (self.folder / "run.log").open("a") as log:
            options = self._options(profile, *arguments, target=target)
            return start(self.folder, options, stdout=log, **environment)

    def run(
        self, profile: Path | None, *arguments: str, target: str = "all",
        check: bool = True, seconds: float = 500,
    ) -> str:  # fmt: skip
        """Run it to its end; returns what it said, and fails where it did not end as is thought.

        What jobs and Snakemake said, which stands in the log of the run, follows.
        """
        options, before = self._options(profile, *arguments, target=target), logs_in(self.folder)
        run = start(self.folder, options, subprocess.PIPE, WARM_RUN="1")
        said, _ = run.communicate(timeout=seconds)
        said += "".join(path.read_text() for path in logs_in(self.folder) - before)
        assert (run.returncode == 0) == check, said[-6000:]
        return said

    def has_ended_well(self, process: subprocess.Popen[str], seconds: float) -> None:
        """Fail where a run that was started does not end well, and in time."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        assert process.poll() == 0, self.said()[-4000:]

    def said(self) -> str:
        """What the runs that were started have said."""
        path = self.folder / "run.log"
        return path.read_text() if path.exists() else ""

    def jobs(self, cluster: Cluster) -> list[Job]:
        return [job for job in cluster.jobs() if job.workdir == str(self.folder)]

    def completed(self, cluster: Cluster) -> Counter[str]:
        return Counter(job.rule for job in self.jobs(cluster) if job.state == "COMPLETED")

    def weights(self) -> bytes:
        [path] = self.folder.glob("results/small/models/*/*/*.safetensors")
        return path.read_bytes()

    def tables(self) -> dict[str, bytes]:
        """The tables that must be the same however the run went; seconds and bytes may differ."""
        folder = self.folder / "results/small/tables"
        return {
            path.name: path.read_bytes()
            for path in sorted(folder.iterdir())
            if not path.name.startswith(("training.", "cost."))
        }
