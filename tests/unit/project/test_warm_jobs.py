"""The process that tests' jobs are copied from outlives whatever becomes of one of them."""

import os
import socket
import subprocess
import sys

import pytest

import warm_jobs


@pytest.mark.parametrize("said", [b"", b"\n", b'\n{"command": ["-m'])
def test_a_job_that_is_killed_before_it_has_asked_costs_no_other(said, tmp_path):
    environment = warm_jobs.environment()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.connect(environment["WARM_JOBS"])
        if said:
            killed.sendall(said)
    script = tmp_path / ".snakemake" / "scripts" / "job.py"
    script.parent.mkdir(parents=True)
    script.write_text("import sys\nprint('torch' in sys.modules)\n")
    job = subprocess.run(
        [sys.executable, str(script)], env=os.environ | environment, capture_output=True, text=True
    )
    assert (job.stdout, job.returncode) == ("True\n", 0), job.stderr
