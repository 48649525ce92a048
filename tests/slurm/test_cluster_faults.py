"""Whatever a cluster does to its jobs: the tables are those of an undisturbed run, and nothing that
had finished ran twice."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster import Cluster, Job
from cluster_study import ClusterStudy, site_profile

from processes import wait_for
from small_disk import fill, small_disk

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

JOBS = {"train": 1, "answer": 2, "score": 2, "compare": 1, "count_stages": 1, "find_suspects": 1}
JOBS |= {"compare_without_suspects": 1}
# so many that there is time to disturb it: for a controller to go and come, and a disk to fill
TRAINING = {"max_steps": 500, "max_length": 512, "batch_size": 4, "evaluations": 30}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> ClusterStudy:
    """The study as it runs on one machine."""
    study = ClusterStudy(tmp_path_factory.mktemp("undisturbed")).make(training=TRAINING)
    study.run(None)
    return study


def running(cluster: Cluster, rule: str, beside: set[int] = frozenset()) -> Callable[[], object]:
    """A sign that a job of a rule runs, other than some."""

    def found() -> list[Job]:
        jobs = [job for job in cluster.jobs() if (job.rule, job.state) == (rule, "RUNNING")]
        return [job for job in jobs if job.id not in beside]

    return found


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "20M") as folder:
        yield folder


def test_jobs_that_are_lost_are_made_again(cluster, disk, undisturbed):
    """Cancelled by hand, lost with a dead node, a controller that is away, a full disk, and a main
    process that is killed."""
    study = ClusterStudy(disk / "study").make(training=TRAINING)
    profile = site_profile(study.folder / "profile")
    process = study.start(profile)
    [first] = wait_for(running(cluster, "train"), process)
    cluster.run("scancel", str(first.id))
    [second] = wait_for(running(cluster, "train", {first.id}), process)
    cluster.kill_node(second.nodes)
    log = study.folder / "logs/small/models/full/seed-1.log"

    def trains() -> bool:
        return f"/{TRAINING['max_steps']}" in log.read_text()

    log.unlink(missing_ok=True)  # what stands there afterwards is of the third
    [third] = wait_for(running(cluster, "train", {first.id, second.id}), process)
    assert third.nodes != second.nodes
    # a job that begins while there is no controller waits minutes for its first step
    wait_for(trains, process)
    cluster.stop_controller()
    time.sleep(3)
    cluster.start_controller()
    assert cluster.job(third.id).state == "RUNNING"
    filler = fill(disk)
    cluster.wait(third.id, seconds=120)
    log.unlink(missing_ok=True)
    filler.unlink()
    lost = {first.id, second.id, third.id}
    [last] = wait_for(running(cluster, "train", lost), process)
    wait_for(trains, process)  # nor does its first step come where it is frozen before
    cluster.freeze(last.id)  # until the next run has found it
    process.kill()
    process.wait()
    # nor does Slurm begin a job again by itself, beside the one that Snakemake would submit
    refused = cluster.run("scontrol", "requeue", str(last.id), check=False)
    assert "disabled" in refused, refused
    study.run(None, "--unlock")
    process = study.start(profile)
    left = r"An earlier run of this directory has left \d jobs? at work:.* train small_full_1 "
    wait_for(lambda: re.search(left, study.said(), re.DOTALL), process)
    cluster.thaw(last.id)
    study.has_ended_well(process, 450)
    assert study.completed(cluster) == JOBS
    assert study.tables() == undisturbed.tables()
    states = [cluster.job(job.id).state for job in (first, second, third)]
    assert states == ["CANCELLED", "NODE_FAIL", "FAILED"]
    logs = (study.folder / "logs/slurm/rule_train").rglob("*.log")
    # what Slurm could still write of the third, before or after there was no room
    full = re.compile(r"the disk, or your quota on it, is full|No space left on device")
    assert any(full.search(path.read_text()) for path in logs)


def test_who_looks_on_sees_why_a_job_failed_and_where_it_says_so(cluster, tmp_path):
    diverging = {"base": "tiny", "method": "full", "training": {"learning_rate": 1e30}}
    study = ClusterStudy(tmp_path / "study").make(models={"full": diverging})
    profile = site_profile(study.folder / "profile", retries="0")
    said = study.run(profile, check=False, target="models")
    assert "lower training.learning_rate" in said
    assert "logs/small/models/full/seed-1.log" in said
