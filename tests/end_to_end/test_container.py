"""Jobs in a container: what Apptainer is called with, and the definition that it builds from.

Where there is no Apptainer, a program of its name notes what it is asked for and runs it here.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.conftest import small_study, write_study
from snakemake_run import ROOT, snakemake

INSTEAD = """#!/bin/sh
if [ "$1" = --version ]; then echo "apptainer version 1.4.0"; exit; fi
for word do printf '%s\\0' "$word"; done >> {noted}; printf '\\n' >> {noted}
while [ "$1" != sh ] && [ "$1" != bash ]; do shift; done
exec "$@"
"""


@pytest.fixture
def apptainer(tmp_path):
    """A folder with a program ``apptainer`` that runs things on this machine, and the file of its notes."""
    noted = tmp_path / "noted"
    program = tmp_path / "bin/apptainer"
    program.parent.mkdir()
    program.write_text(INSTEAD.format(noted=shlex.quote(str(noted))))
    program.chmod(0o755)
    return program.parent, noted


def run(folder, apptainer, *arguments, **how):
    # the image has its own Python first on its path
    path = f"{apptainer[0]}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return snakemake(folder, *arguments, "--sdm", "apptainer", warm=False, PATH=path, **how)


@pytest.mark.slow
def test_every_job_runs_in_the_one_container(tmp_path, apptainer):
    folder = tmp_path / "study"
    folder.mkdir()
    values = small_study()
    path = write_study(folder, values)
    config = ("--config", f"experiments={path}")
    lacking = run(folder, apptainer, "documents", *config, check=False)
    assert lacking.returncode and "run: make container" in lacking.stdout
    assert not apptainer[1].exists() and not (folder / "results").exists()
    (folder / "papertune.sif").touch()
    run(folder, apptainer, "documents", *config)
    assert list((folder / "results/small/documents").glob("*.jsonl"))
    calls = [
        line.split("\0")[:-1] for line in apptainer[1].read_text().splitlines() if "exec" in line
    ]
    assert calls
    for words in calls:
        assert "papertune.sif" in words and words[words.index("--home") + 1] == str(folder)


def test_the_definition_has_all_that_installing_needs(tmp_path):
    text = (ROOT / "envs/papertune.def").read_text()
    copied = re.findall(r"^    (\S+) /opt/papertune/(\S+)$", text, re.M)
    for source, target in copied:
        take = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        take(ROOT / source, tmp_path / target)
    [command] = re.findall(r"^    (make install .*)$", text, re.M)
    planned = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=tmp_path, capture_output=True, text=True
    )
    assert planned.returncode == 0, planned.stderr
    files = re.findall(r"-r (requirements/[\w.-]+)", planned.stdout)
    assert {"requirements/torch.txt", "requirements/run.lock", "requirements/serve.txt"} <= {*files}
    assert all((tmp_path / file).exists() for file in files)
