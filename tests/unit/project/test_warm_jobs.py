"""The process that tests' jobs are forked from outlives any of them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import warm_jobs
from papertune.jobs import warm
from processes import wait_for


def job(folder, text: str, name="train") -> str:
    """The path of a job's script, as Snakemake names it."""
    script = folder / ".snakemake" / "scripts" / f"tmp1a.{name}.py"
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
            assert copy.wait(120) == 3
    server.stdout.close()
    assert server.wait(120) == 0 and not folder.exists()
    assert subprocess.run(command, capture_output=True, **how).stdout == "False\n"


@pytest.fixture
def loading(tmp_path, monkeypatch):
    """The environment of jobs while what they are copied from still loads, for three seconds."""
    (tmp_path / "takes_long.py").write_text("import time\ntime.sleep(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (folder := tmp_path / "warm").mkdir(mode=0o700)
    with subprocess.Popen(["sleep", "60"]) as run:
        server = warm.start(folder / "jobs", run.pid, "takes_long", stdout=subprocess.DEVNULL)
        wait_for((folder / "jobs").exists, server)
        yield os.environ | warm.environment_of(folder / "jobs")
        run.kill()
    assert server.wait(120) == 0


def test_jobs_wait_for_libraries_that_they_would_load_themselves_and_others_do_not(
    loading, tmp_path
):
    code = "import sys\nprint('takes_long' in sys.modules)\n"
    commands = [[sys.executable, job(tmp_path, code, name)] for name in ("answer", "count_stages")]
    ran = [subprocess.Popen(one, env=loading, stdout=-1, text=True) for one in commands]
    assert [one.communicate(timeout=120)[0] for one in ran] == ["True\n", "False\n"]


def test_a_job_that_is_asked_to_end_while_it_waits_ends(loading, tmp_path):
    one = subprocess.Popen(
        [sys.executable, job(tmp_path, "import time\ntime.sleep(600)\n")], env=loading
    )
    wait_for(lambda: signal.SIGTERM in caught(one.pid), one)
    one.terminate()
    assert one.wait(120) == -signal.SIGTERM


def caught(pid: int) -> set[int]:
    """The signals that a process handles."""
    lines = Path("/proc", str(pid), "status").read_text().splitlines()
    [mask] = (int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


@pytest.fixture
def copied(tmp_path):
    """A process that copies are made of, and what hands jobs over to it."""
    (folder := tmp_path / "warm").mkdir(mode=0o700)
    server = warm.start(folder / "jobs", os.getpid(), "wave", stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"
    yield server, warm.environment_of(folder / "jobs")
    server.kill()
    server.communicate()


ONCE = """
import os, sys, time
print('wave' in sys.modules, os.getpid(), flush=True)
if 'wave' in sys.modules:
    time.sleep(600)
sys.exit(3)
"""


def test_jobs_begin_by_themselves_when_the_process_is_killed_in_their_midst(copied, tmp_path):
    server, environment = copied
    command, how = [sys.executable, job(tmp_path, ONCE)], {"stdout": -1, "stderr": -1, "text": True}
    with subprocess.Popen(command, env=os.environ | environment, **how) as one:
        warm_one, first = one.stdout.readline().split()
        server.kill()
        said, told = one.communicate(timeout=120)
    assert (warm_one, said.split()[0], one.returncode) == ("True", "False", 3), told
    assert int(said.split()[1]) == one.pid and "starts by itself" in told
    dead = not psutil.pid_exists(int(first)) or psutil.Process(int(first)).status()
    assert dead in (True, psutil.STATUS_ZOMBIE)  # not both at once


def test_a_job_whose_output_nobody_reads_ends_as_python_does_and_costs_no_other(copied, tmp_path):
    code = "import sys\nsys.stdout = open(1, 'w', closefd=False)\nprint(1)\n"
    (tmp_path / "data").mkdir()
    command = [sys.executable, job(tmp_path, code), str(tmp_path / "data" / "file")]
    reader, writer = os.pipe()
    os.close(reader)
    for environment in ({}, copied[1]):
        done = subprocess.run(command, env=os.environ | environment, stdout=writer, stderr=writer)
        assert done.returncode == 120
    os.close(writer)
    assert os.path.exists(copied[1][warm.ADDRESS]) and (tmp_path / "data").exists()


def test_a_job_that_is_stopped_for_a_while_stands_still(copied, tmp_path):
    code = "import os, sys\nprint(os.getpid(), flush=True)\nsys.stdin.read()\n"
    command, pipes = [sys.executable, job(tmp_path, code)], {"stdin": -1, "stdout": -1}
    with subprocess.Popen(command, env=os.environ | copied[1], **pipes) as one:
        copy = psutil.Process(int(one.stdout.readline()))
        assert copy.pid != one.pid
        for number, still in ((signal.SIGTSTP, True), (signal.SIGCONT, False)):
            one.send_signal(number)
            wait_for(lambda still=still: (copy.status() == psutil.STATUS_STOPPED) is still, one)
        one.communicate()
    assert one.returncode == 0


CHILDREN = """
import os, subprocess, sys
def run(*command):
    return subprocess.check_output([sys.executable, *command], text=True).strip()
sees = "import os, sys; print('wave' in sys.modules, hasattr(sys, 'own'))"
again = os.path.join(os.path.dirname(__file__), "tmp2b.train.py")
open(again, "w").write(sees)
open("work.py", "w").write(sees)
print('wave' in sys.modules, hasattr(sys, "own"), os.environ.get("WARM_JOBS"))
print(run("-c", sees), run(again), run("work.py"), run("-m", "papertune.work"))
"""


def test_only_jobs_of_this_workflow_are_copies_and_nothing_that_they_start(
    copied, tmp_path, monkeypatch
):
    """Whatever starts in another way has the user's own start of Python, as do copies."""
    for path, text in (
        ("own/sitecustomize.py", "import sys\nsys.own = True\n"),
        ("own/papertune/work.py", "import sys; print('wave' in sys.modules, hasattr(sys, 'own'))"),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "own"))
    path = copied[1]["PYTHONPATH"].split(os.pathsep)[0] + f"{os.pathsep}{tmp_path / 'own'}"
    environment = os.environ | copied[1] | {"PYTHONPATH": path}
    how = {"env": environment, "cwd": tmp_path, "text": True}

    def says(*command):
        return subprocess.check_output([sys.executable, *command], **how)

    cold = "False True\n"
    copy, children = says(job(tmp_path, CHILDREN)).splitlines()
    assert copy == "True False None"  # its process began before there was one
    assert children == " ".join([cold.strip()] * 4)
    sees = "import sys; print('wave' in sys.modules, hasattr(sys, 'own'))"
    for name in ("download_base", "list_documents", "refresh", "somebody_elses"):
        assert says(job(tmp_path, sees, name)) == cold
    assert says("-c", sees) == says("-m", "papertune.work") == cold


LIBRARIES = """
import tempfile, threadpoolctl, torch
known = {one['user_api']: one['num_threads'] for one in threadpoolctl.threadpool_info()}
print(sorted(known.items()), torch.get_num_threads(), tempfile.gettempdir())
"""


def test_libraries_of_a_copy_take_its_threads_and_folders_as_if_loaded_by_it(tmp_path):
    ours = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "TMPDIR": str(tmp_path)}
    environment = os.environ | warm_jobs.environment() | ours
    command = [sys.executable, job(tmp_path, LIBRARIES)]
    said = subprocess.check_output(command, env=environment, text=True)
    assert said == f"[('blas', 2), ('openmp', 2)] 2 {tmp_path}\n"


def test_a_process_that_cannot_load_its_libraries_leaves_nothing(tmp_path):
    (folder := tmp_path / "warm").mkdir(mode=0o700)
    server = warm.start(folder / "jobs", os.getpid(), "no_such_library", stderr=subprocess.PIPE)
    assert b"no_such_library" in server.communicate()[1] and not folder.exists()


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
