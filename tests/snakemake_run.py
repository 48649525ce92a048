"""Runs Snakemake as a user does, in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def snakemake(
    folder: Path, *arguments: str, check: bool = True, timeout: float = 900, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the workflow with ``folder`` as working directory; output and errors as one text.

    Raises:
        AssertionError: it failed although ``check`` is set; shows the output's end.
    """
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
            *("--workflow-profile", str(ROOT / "profiles" / "default")),
            *("--directory", str(folder), "--cores", "2", *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env={**os.environ, "PAPERTUNE_CONTACT": "tests@papertune.example", **environment},
        check=False,
    )
    assert not check or run.returncode == 0, run.stdout[-6000:]
    return run


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Rule → number of jobs that a dry-run plans."""
    text = snakemake(folder, "--dry-run", "--quiet", "rules", *arguments).stdout
    return job_counts(text)


def job_counts(text: str) -> dict[str, int]:
    """Rule → number of jobs, from the table that Snakemake prints before it starts."""
    table = re.search(
        r"^job\s+count\n-+\s+-+\n(.*?)\n\n|^job\s+count\n-+\s+-+\n(.*)", text, re.M | re.S
    )
    if table is None:
        assert "Nothing to be done" in text, text[-3000:]
        return {}
    counts = {}
    for line in (table[1] or table[2]).splitlines():
        match = re.fullmatch(r"(\w+)\s+(\d+)", line.strip())
        if not match:
            break
        counts[match[1]] = int(match[2])
    counts.pop("total", None)
    return counts
