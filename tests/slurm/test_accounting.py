"""What jobs of a real cluster record of themselves, and what the cluster's accounting adds."""

import shlex
import sys
import time
from pathlib import Path

import pytest
from cluster import Cluster

from papertune.cluster.slurm_accounting import accounting
from papertune.jobs.record import JobRecord, own_job, read_records_below
from papertune.report.cost import attempts
from processes import busy, recorded_job
from snakemake_run import ROOT

pytestmark = pytest.mark.slurm

WORK = """held = bytes(range(256)) * 400_000
    end = time.process_time() + 1.5
    while time.process_time() < end:
        pass
    until = time.monotonic() + %s
    while time.monotonic() < until:
        time.sleep(0.1)
        stopping.check()
"""


def submit(cluster: Cluster, folder: Path, seconds: float, *options: str) -> int:
    (folder / "work.py").write_text(recorded_job(WORK % seconds, gpu=1))
    library = f"PYTHONPATH={ROOT}/workflow/scripts"
    return cluster.submit(
        f"srun {shlex.join(['env', library, sys.executable, 'work.py'])}",
        *("--partition=gpu", "--gres=gpu:1", "--mem=700M", f"--chdir={folder}"),
        *(f"--output={folder}/%j.txt", *options),
    )


def records(folder: Path) -> list[JobRecord]:
    return read_records_below([folder / "logs/mine/jobs"])


def wait_for_records(cluster: Cluster, folder: Path, number: int) -> None:
    cluster.until(
        lambda: len([r for r in records(folder) if r.cpu_seconds]) == number,
        f"{number} records",
        30,
    )


def test_a_record_has_the_id_of_its_job_and_the_accounting_completes_it(
    cluster_with_accounting, tmp_path
):
    cluster = cluster_with_accounting
    job = submit(cluster, tmp_path, 1.5)
    cluster.wait(job)
    cluster.accounted(job)  # it is known there now
    [record] = records(tmp_path)
    assert (record.job, record.status) == (str(job), "ok")
    assert 0 <= record.started - record.submitted < 30
    known = accounting([record.job], time.time() - 3600)
    [attempt] = attempts([record], known)
    assert (attempt.source, attempt.at_least) == ("accounting", False)
    assert 0 <= attempt.queue < 30
    assert attempt.wall >= 3 and attempt.gpu_asked == attempt.wall
    assert attempt.cpu_used >= 1.5
    assert attempt.memory_asked == 700 * 2**20
    assert 102_400_000 < attempt.memory_used < attempt.memory_asked
    assert attempt.energy is None, "nothing measures it here"
    assert accounting([record.job], time.time() + 3600) == {}, "ids are given again"


def test_what_ended_before_midnight_is_known(cluster_with_accounting):
    """`sacct` alone tells of today only."""
    cluster = cluster_with_accounting
    job = cluster.submit("true")
    cluster.wait(job)
    cluster.accounted(job)
    times = ", ".join(
        f"time_{n} = time_{n} - 172800" for n in ("submit", "eligible", "start", "end")
    )
    cluster.run(
        *("mariadb", "--no-defaults", f"--socket={cluster.folder}/run/database.socket"),
        *("--user=root", "--execute"),
        f"update slurm.papertune_job_table set {times} where id_job = {job}",
    )
    assert str(job) not in cluster.run("sacct", "--noheader", "--format=JobID").split()
    for since in (None, time.time() - 3 * 86400):
        [start] = accounting([str(job)], since)[str(job)]
        assert start.state == "COMPLETED"


def test_every_start_of_a_job_that_was_put_back_has_its_own_numbers(
    cluster_with_accounting, tmp_path
):
    cluster = cluster_with_accounting
    job = submit(cluster, tmp_path, 4, "--requeue")
    wait_for_records(cluster, tmp_path, 1)
    cluster.run("scontrol", "requeue", str(job))
    wait_for_records(cluster, tmp_path, 2)
    cluster.wait(job, seconds=60)
    cluster.accounted(job)
    first, second = records(tmp_path)
    assert first.job == second.job == str(job)
    assert second.submitted > first.submitted
    assert (first.status, second.status) == ("interrupted", "ok")
    assert (first.attempt, second.attempt) == (1, 2)
    starts = accounting([str(job)], time.time() - 3600)[str(job)]
    assert [start.state for start in starts] == ["REQUEUED", "COMPLETED"]
    found = attempts([first, second], {str(job): starts})
    assert [attempt.source for attempt in found] == ["accounting"] * 2
    assert [attempt.wall for attempt in found] == [s.ended - s.started for s in starts]


def test_a_controller_that_does_not_answer_stops_no_job(cluster, monkeypatch):
    job = cluster.submit("sleep 60")
    monkeypatch.setenv("SLURM_JOB_ID", str(job))
    assert own_job()[1] is not None
    cluster.stop_controller()
    start = time.monotonic()
    assert own_job() == (str(job), None)
    assert time.monotonic() - start < 7 * busy(least=1)
