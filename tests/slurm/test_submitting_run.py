"""The Snakemake that submits: in a job itself, without its terminal, while Slurm takes no more or
its accounting is away.
"""

import shlex
import signal
import sys
import time

import eager_snakemake
import pytest
from cluster_place import OPTIONS, Place, killed, states

pytestmark = pytest.mark.slurm


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path / "place")


def test_in_a_job_it_submits_as_elsewhere_and_the_next_run_waits_for_what_it_left(cluster, place):
    command = shlex.join([sys.executable, eager_snakemake.__file__, *OPTIONS])
    # what such a job hands on: its own memory by CPU and GPUs, and options for each sbatch
    handed = "export SBATCH_MEM_PER_CPU=100 SBATCH_TIMELIMIT=7"
    head = cluster.submit(
        f"cd {place.folder}; {handed}; exec {command} > head.txt 2>&1",
        *("--mem-per-cpu=300", "--partition=gpu", "--gpus=1", "--time=30"),
    )
    try:
        cluster.until(lambda: len(place.log) == 2, "two jobs at work", 90)
    finally:
        said = (place.folder / "head.txt").read_text()
    assert f"Snakemake runs in job {head} itself" in said and "SBATCH_MEM_PER_CPU=100" in said
    [left] = [line for line in said.splitlines() if f"job {head} itself" in line]
    assert "29:" in left, left
    jobs = [job.id for job in cluster.jobs() if job.workdir == str(place.folder)]
    for job in jobs:
        asked = cluster.run("scontrol", "show", "job", str(job))
        assert "MinMemoryNode=100M" in asked and "TimeLimit=00:05:00" in asked
        assert "gpu" not in asked.replace("papertune-gpu", "")
    cluster.run("scancel", "--signal=KILL", "--full", str(head))
    cluster.wait(head)
    place.run("--unlock")
    again = place.start()
    time.sleep(5)
    place.go()
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert sorted(place.log) == ["begin a", "begin b", "end a", "end b"]
    assert states(cluster, place) == ["COMPLETED"] * 2


def test_a_run_that_loses_its_terminal_loses_no_job_and_none_runs_twice(cluster, place):
    killed(cluster, place, by=signal.SIGHUP)
    place.run("--unlock")
    again = place.start()
    place.go()
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert sorted(place.log) == ["begin a", "begin b", "end a", "end b"]


def test_more_jobs_than_may_be_in_the_queue_wait_for_each_other(cluster_with_accounting, place):
    cluster = cluster_with_accounting
    limit = ("sacctmgr", "--immediate", "modify", "user", "root", "set")
    cluster.run(*limit, "maxsubmit=1")
    mine = cluster.submit("sleep 30")
    try:
        process = place.start()
        cluster.until(lambda: len(place.log) == 1, "a job at work", 60)
        assert cluster.job(mine).state == "COMPLETED"
        time.sleep(5)
        place.go()
        said, _ = process.communicate(timeout=120)
    finally:
        cluster.run(*limit, "maxsubmit=-1")
    assert process.returncode == 0, said
    assert "at most 1 of your jobs may be in the queue" in said and "jobs: 5" in said
    assert "retrying until it does" in said and "MaxSubmitJobLimit" in said
    assert states(cluster, place) == ["COMPLETED"] * 2


def test_while_accounting_is_away_no_job_is_lost_and_none_runs_twice(
    cluster_with_accounting, place, tmp_path
):
    cluster, other = cluster_with_accounting, Place(tmp_path / "other")
    by_accounting = ("--slurm-status-command", "sacct")
    process = place.start(*by_accounting)
    cluster.until(lambda: len(place.log) == 2, "two jobs at work", 60)
    cluster.stop_accounting()
    try:
        other.go()
        said = other.run(*by_accounting)
        assert "squeue is used instead" in said
        place.go()
        cluster.until(lambda: len(place.log) == 4, "the end of both")
        time.sleep(3)
        assert process.poll() is None
    finally:
        cluster.start_accounting()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    for one in (place, other):
        assert states(cluster, one) == ["COMPLETED"] * 2
        assert sorted(one.log) == ["begin a", "begin b", "end a", "end b"]
