"""The process that tests' jobs are copied from outlives whatever becomes of one of them."""

import os
import socket
import subprocess
import sys

import pytest

import warm_jobs
from papertune.jobs import warm


def job(folder, text: str) -> str:
    """The path of a job's script."""
    script = folder / ".snakemake" / "scripts" / "job.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(text)
    return str(script)


@pytest.mark.parametrize("said", [b"", b"\n", b'\n{"command": ["-m'])
def test_a_job_that_is_killed_before_it_has_asked_costs_no_other(said, tmp_path):
    environment = warm_jobs.environment()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.connect(environment["WARM_JOBS"])
        if said:
            killed.sendall(said)
    script = job(tmp_path, "import sys\nprint('torch' in sys.modules)\n")
    done = subprocess.run(
        [sys.executable, script], env=os.environ | environment, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_a_job_outlives_its_run_and_later_ones_start_by_themselves(tmp_path):
    """And the folder of the process that it was copied from is gone with it, closed to others before."""
    folder = tmp_path / "warm"
    folder.mkdir(mode=0o700)
    with subprocess.Popen(["sleep", "60"]) as run:
        server = warm.start(folder / "jobs", run.pid, "wave", stdout=subprocess.PIPE)
        assert b"ready\n" in server.stdout
        code = "import sys, time\nprint('wave' in sys.modules, flush=True)\ntime.sleep(1)\nsys.exit(3)\n"
        command = [sys.executable, job(tmp_path, code)]
        how = {"env": os.environ | warm.environment_of(folder / "jobs"), "text": True}
        with subprocess.Popen(command, stdout=subprocess.PIPE, **how) as copy:
            assert copy.stdout.readline() == "True\n"
            run.kill()
            assert copy.wait(20) == 3
    server.stdout.close()
    assert server.wait(20) == 0 and not folder.exists()
    assert subprocess.run(command, capture_output=True, **how).stdout == "False\n"


def test_a_run_says_where_its_jobs_are_handed_over_unless_told_not_to(monkeypatch):
    for name in (warm.ADDRESS, warm.COLD, "PYTHONPATH"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv(warm.COLD, "1")
    warm.begin()
    assert not os.environ[warm.ADDRESS]
    monkeypatch.delenv(warm.COLD)
    monkeypatch.setattr(warm, "LIBRARIES", [])
    began = []
    monkeypatch.setattr(warm, "start", lambda address, owner, **_: began.append((address, owner)))
    warm.begin()
    [(address, owner)] = began
    assert (os.environ[warm.ADDRESS], owner) == (str(address), os.getpid())
    assert address.parent.stat().st_mode & 0o777 == 0o700
    address.parent.rmdir()
