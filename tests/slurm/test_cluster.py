"""The test cluster itself: what the other tests of this folder build on."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cluster import Cluster
from cluster_network import OUTSIDE
from cluster_processes import alive

pytestmark = pytest.mark.slurm

PYTHON = shlex.quote(sys.executable)


def output_of(cluster: Cluster, folder: Path, script: str, *options: str) -> str:
    """What a job prints that runs to a good end."""
    path = folder / "output.txt"
    job = cluster.wait(cluster.submit(script, f"--output={path}", *options))
    assert job.state == "COMPLETED", path.read_text()
    return path.read_text()


# ---- jobs ---------------------------------------------------------------------


def test_a_job_is_found_with_what_it_was_given(cluster, tmp_path):
    job = cluster.submit("sleep 30", "--comment=rule | one", f"--chdir={tmp_path}", "--mem=300M")
    running = cluster.wait(job, "RUNNING")
    assert (running.name, running.partition, running.nodes) == ("wrap", "cpu", "c1")
    assert (running.comment, running.workdir) == ("rule | one", str(tmp_path))
    assert (running.tres["cpu"], running.tres["mem"]) == ("1", "300M")
    cluster.cancel_all()
    assert cluster.job(job).state == "CANCELLED"


def test_gpus_are_shared_out(cluster, tmp_path):
    paths = [tmp_path / f"{number}.txt" for number in range(2)]
    ask = ("--partition=gpu", "--gres=gpu:1", "--nodelist=g1")
    script = "echo gpu $CUDA_VISIBLE_DEVICES; sleep 1"
    jobs = [cluster.submit(script, f"--output={path}", *ask) for path in paths]
    assert {cluster.wait(job).state for job in jobs} == {"COMPLETED"}
    assert {path.read_text() for path in paths} == {"gpu 0\n", "gpu 1\n"}
    with pytest.raises(RuntimeError, match="configuration is not available"):
        cluster.submit("true", "--gres=gpu:1", "--partition=cpu")


def test_srun_reaches_both_gpu_nodes(cluster, tmp_path):
    script = "srun --nodes=2 printenv SLURMD_NODENAME"
    printed = output_of(cluster, tmp_path, script, "--partition=gpu", "--nodes=2", "--gres=gpu:2")
    assert sorted(printed.split()) == ["g1", "g2"]


@pytest.fixture
def outside(cluster) -> Iterator[str]:
    """The URL of a server that this machine has a way to."""
    if not cluster.offline:
        pytest.skip("this machine does not let root make network namespaces")
    serve = (
        "from http.server import *; s = HTTPServer(('', 8080), SimpleHTTPRequestHandler);"
        "print('up', flush=True); s.serve_forever()"
    )
    command = OUTSIDE.inside(sys.executable, "-c", serve)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout and server.stdout.readline() == "up\n"
        yield f"http://{OUTSIDE.there}:8080"
        server.kill()


def test_gpu_nodes_are_offline(cluster, outside, tmp_path):
    code = f"import urllib.request as u; print(u.urlopen({outside!r}, timeout=5).status)"
    get = f"{PYTHON} -c {shlex.quote(code)}"
    assert output_of(cluster, tmp_path, get) == "200\n"
    # on a GPU node the controller answers, and nobody else
    path = tmp_path / "offline.txt"
    job = cluster.submit(f"squeue && {get}", "--partition=gpu", f"--output={path}")
    assert cluster.wait(job).state == "FAILED"
    assert " gpu " in path.read_text() and "Network is unreachable" in path.read_text()


# ---- faults -------------------------------------------------------------------


def test_a_dead_node_loses_its_jobs(cluster, tmp_path):
    script = f"echo $$ > {tmp_path}/$SLURM_JOB_ID; sleep 100"
    ask = ("--partition=gpu", "--nodelist=g1")
    again = cluster.submit(script, "--requeue", *ask)
    lost = cluster.submit(script, "--no-requeue", *ask)
    cluster.commands.until(
        lambda: len("".join(path.read_text() for path in tmp_path.iterdir()).split()) == 2,
        "both scripts to start",
    )
    scripts = [psutil.Process(int(path.read_text())) for path in tmp_path.iterdir()]
    cluster.kill_node("g1")
    assert not any(alive(script) for script in scripts)
    assert cluster.node_state("g1").startswith("down")
    assert cluster.wait(lost).state == "NODE_FAIL"
    assert cluster.wait(again, "PENDING").restarts == 1
    cluster.revive_node("g1")
    assert cluster.wait(again, "RUNNING").nodes == "g1"


def test_a_drained_node_ends_the_job_it_has_and_takes_no_other(cluster):
    first = cluster.submit("sleep 2")
    cluster.wait(first, "RUNNING")
    cluster.set_node("c1", "drain")
    second = cluster.submit("true")
    assert cluster.wait(first).state == "COMPLETED"
    assert cluster.job(second).state == "PENDING"
    cluster.revive_node("c1")
    assert cluster.wait(second).state == "COMPLETED"


def test_jobs_live_through_a_restart_of_the_controller(cluster):
    ended = cluster.submit("true")
    cluster.wait(ended)
    going = cluster.submit("sleep 3")
    cluster.wait(going, "RUNNING")
    cluster.stop_controller()
    assert "is DOWN" in cluster.commands.run("scontrol", "ping", check=False)
    cluster.start_controller()
    assert cluster.job(ended).state == "COMPLETED"
    assert cluster.wait(going).state == "COMPLETED"


def test_urgent_jobs_make_others_go_after_a_warning(cluster, tmp_path):
    task = tmp_path / "task.sh"
    task.write_text(f"trap 'touch {tmp_path}/warned; exit 3' TERM; while :; do sleep 0.1; done")
    ask = ("--nodes=2", "--gres=gpu:2")
    gone = cluster.submit(f"srun --ntasks=1 --nodes=1 sh {task}", "--partition=gpu", *ask)
    cluster.wait(gone, "RUNNING")
    urgent = cluster.submit("true", "--partition=urgent", *ask)
    assert cluster.wait(urgent).state == "COMPLETED"
    assert (tmp_path / "warned").exists()
    assert cluster.job(gone).state == "FAILED"


# ---- accounting ---------------------------------------------------------------


def test_what_a_job_took_is_accounted(cluster_with_accounting):
    hold = "import time; held = bytes(range(256)) * 400_000; time.sleep(2)"
    job = cluster_with_accounting.submit(
        f"srun {PYTHON} -c '{hold}'",
        *("--partition=gpu", "--gres=gpu:1", "--mem=400M", "--comment=rule | one"),
    )
    cluster_with_accounting.wait(job)
    whole, _script, task = cluster_with_accounting.accounting(job)
    assert whole["State"] == "COMPLETED" and whole["Comment"] == "rule | one"
    assert (whole["Account"], whole["QOS"], whole["Partition"]) == ("lab", "normal", "gpu")
    assert {"gres/gpu=1", "mem=400M"} <= set(whole["ReqTRES"].split(","))
    assert {"gres/gpu=1", "mem=400M"} <= set(whole["AllocTRES"].split(","))
    assert "00:00:02" <= whole["Elapsed"] < "00:00:10"
    assert 102_400_000 < int(task["MaxRSS"]) < 200_000_000


@pytest.mark.parametrize("bad", ["--account=nobody", "--qos=platinum"])
def test_what_the_user_may_not_use_is_refused(cluster_with_accounting, bad):
    with pytest.raises(RuntimeError, match=r"Invalid (account|qos)"):
        cluster_with_accounting.submit("true", bad)
