"""Runs Snakemake as a user does, in a folder of its own."""

import atexit
import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml

import warm_jobs

ROOT = Path(__file__).parents[1]
# runs are copies of a process that has loaded Snakemake: that takes longer than a plan
COPIES = multiprocessing.get_context("forkserver")
COPIES.set_forkserver_preload(["snakemake.cli"])
MODULE = """
configfile: "config/config.yaml"


module papertune:
    snakefile:
        "{workflow}"
    config:
        config


use rule * from papertune
"""
DRY = ("--dry-run", "-n")


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

    ``warm`` is how its jobs start, see :mod:`warm_jobs`.

    Raises:
        AssertionError: it failed although ``check`` is set; shows the output's end.
    """
    options = [
        *("--snakefile", str(snakefile)),
        *("--workflow-profile", str(ROOT / "profiles" / "default")),
        *("--directory", str(folder), "--cores", "2", *arguments),
    ]
    variables = {**os.environ, "PAPERTUNE_CONTACT": "tests@papertune.example", **environment}
    if warm and not any(argument in DRY for argument in arguments):
        variables |= warm_jobs.environment()
    run = run_copy(options, variables, Path(), timeout)
    assert not check or run.returncode == 0, run.stdout[-6000:]
    return run


def snakemake_main() -> None:
    """Be the command ``snakemake``."""
    from snakemake.cli import main

    main()


def run_copy(
    options: list[str],
    variables: dict[str, str],
    folder: Path,
    timeout: float,
    main: Callable[[], None] = snakemake_main,
) -> subprocess.CompletedProcess[str]:
    """The command ``snakemake`` in a folder; killed, with status -9, where it takes too long.

    ``main`` is that command, which finds its arguments in ``sys.argv``.
    """
    with NamedTemporaryFile("w+") as output:
        arguments = (options, variables, str(folder), output.name, main)
        run = COPIES.Process(target=_command, args=arguments)
        run.start()
        run.join(timeout)
        run.kill()
        run.join()
        return subprocess.CompletedProcess(options, run.exitcode or 0, output.read())


def _command(
    options: list[str],
    variables: dict[str, str],
    folder: str,
    output: str,
    main: Callable[[], None],
) -> None:
    os.chdir(folder)
    written = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(written, sys.stdout.fileno())
    os.dup2(written, sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["snakemake", *options]
    try:
        main()
    finally:
        atexit._run_exitfuncs()  # a copy ends without them


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
