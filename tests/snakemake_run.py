"""Runs Snakemake as a user does, in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

import warm_jobs

ROOT = Path(__file__).parents[1]
MODULE = """
configfile: "config/config.yaml"


module papertune:
    snakefile:
        "{workflow}"
    config:
        config


use rule * from papertune
"""


def snakemake(
    folder: Path,
    *arguments: str,
    check: bool = True,
    timeout: float = 900,
    warm: bool = True,
    snakefile: Path = ROOT / "Snakefile",
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run the workflow with ``folder`` as working directory; output and errors as one text.

    What its log has, all that Snakemake and jobs said, takes the place of its errors.

    ``warm`` is how it and its jobs start, see :mod:`warm_jobs`.
    """
    options = [
        *("--snakefile", str(snakefile)),
        *("--workflow-profile", str(ROOT / "profiles" / "default")),
        *("--directory", str(folder), "--cores", "2", *arguments),
    ]
    ours = warm_jobs.environment() | {"WARM_RUN": "1"} if warm else {}
    before = logs_in(folder)
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env=os.environ | ours | {"PAPERTUNE_CONTACT": "tests@papertune.example"} | environment,
    )
    run.stderr = "".join(path.read_text() for path in sorted(logs_in(folder) - before))
    assert not check or run.returncode == 0, run.stderr[-6000:] + run.stdout[-6000:]
    return run


def logs_in(folder: Path) -> set[Path]:
    """The logs of runs in a folder: all that Snakemake and jobs said."""
    return {*(folder / ".snakemake/log").glob("*.log")}


def use_as_module(folder: Path, experiment: str) -> Path:
    """A workflow elsewhere that is nothing but this one, with a configuration of its own."""
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump({"experiments": [experiment]}))
    snakefile = folder / "Snakefile"
    snakefile.write_text(MODULE.format(workflow=ROOT / "workflow" / "Snakefile"))
    return snakefile


def planned(folder: Path, *arguments: str, **how: Any) -> dict[str, int]:
    """Rule → number of jobs that a dry-run plans."""
    text = snakemake(folder, "--dry-run", "--quiet", "rules", *arguments, **how).stdout
    return job_counts(text)


def job_counts(text: str) -> dict[str, int]:
    """Rule → number of jobs, from the table that stands before the first one, ours or Snakemake's."""
    table = re.search(r"^job +count\n-+ +-+\n((?:\w+ +\d+\n)+)", text + "\n", re.M)
    ours = re.search(r"^(\d+) jobs?:\n((?:  .*\n)+)", text, re.M)
    if not (table or ours):
        assert "Nothing to be done" in text, text[-3000:]
        return {}
    told = table[1] if table else ours[2]
    counts = {rule: int(count) for rule, count in re.findall(r"(\w+) +(\d+)\b", told)}
    counts.pop("total", None)
    if not table and (targets := int(ours[1]) - sum(counts.values())):
        counts["all"] = targets
    return counts
