"""The doctor, and the checks before the first submission, on a real cluster."""

import time

import pytest
from cluster_study import ClusterStudy, site_profile

from processes import busy

pytestmark = pytest.mark.slurm


@pytest.fixture
def study(tmp_path) -> ClusterStudy:
    return ClusterStudy(tmp_path / "study").make()


def compute(**changes):
    return {"compute": {"gpu": 1, "threads": 1, "memory_mb": 2000, "runtime": 10} | changes}


LARGE = {
    "find_batch": False,
    "max_steps": 4,
    "max_length": 512,
    "batch_size": 4096,
    "evaluations": 2,
}
MISSING = {"tiny": {"hub": "lab/tiny", "revision": "607a30d783dfa663caf39e06633721c8d4cfcd7e"}}


def test_the_doctor_finds_nothing_wrong_where_all_fits_though_nodes_may_be_down(cluster, study):
    said = study.run(site_profile(study.folder / "profile"), target="doctor")
    assert "ok Slurm 22.05" in said
    assert "ok squeue reports how jobs ended" in said
    assert "(1 toy-80gb GPU, 1 CPU, 2000 MB, 10 minutes): gpu accepts it" in said
    assert "(1 CPU, 4000 MB, 60 minutes): cpu accepts it" in said
    # score and others ask for an hour more in each attempt, and partitions have one hour
    late = "score, compare, count_stages, find_suspects, compare_without_suspects"
    assert f"!  attempt 2 of {late} would wait forever" in said
    assert "Everything is here" in said
    for node in ("g1", "g2"):
        cluster.set_node(node, "drain")
    said = study.run(site_profile(study.folder / "profile"), target="doctor")
    assert "gpu has the right nodes, but none of them accepts jobs now" in said
    assert "!!" not in said.replace("(!!)", "")
    assert cluster.jobs() == []


@pytest.mark.parametrize(
    ("asked", "site", "said"),
    [
        ({}, {"gpu_partition": "cpu"}, "gpu or urgent would accept it: set slurm_partition"),
        ({}, {"gpu_partition": "nope"}, "Invalid partition name"),
        ({}, {"gpu_model": "a100"}, "gpu has no node with 1 a100 GPUs"),
        ({}, {"constraint": "big"}, "set or delete constraint"),
        (compute(gpu=3), {}, "gpu has no node with 3 toy-80gb GPUs (at most 2)"),
        (compute(nodes=3), {}, "gpu has 2 such nodes, not 3"),
        (
            compute(nodes=2),
            {"launcher": "\"''\""},
            "there is no launcher to start processes on 2 nodes",
        ),
        (compute(runtime=61), {}, "gpu lets jobs run for 60 minutes, not 61"),
        ({}, {"slurm_extra": "\"'--mem=5G'\""}, "--memory option is not allowed"),
        ({"bases": MISSING}, {}, "not downloaded yet: lab/tiny, and HF_HUB_OFFLINE is set"),
        ({"training": LARGE}, {"gpu_memory_gb": "1"}, "what would fit: training.batch_size: "),
    ],
)
def test_what_the_cluster_does_not_have_is_found_before_anything_is_submitted(
    cluster, tmp_path, monkeypatch, asked, site, said
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    study = ClusterStudy(tmp_path / "study").make(**asked)
    profile = site_profile(study.folder / "profile", **site)
    for target in ("doctor", "all"):
        found = study.run(profile, check=False, target=target)
        assert said in found, found
        assert "What to do: " in found and "Traceback" not in found
    assert cluster.jobs() == []
    assert not (study.folder / "results").exists()


def test_accounts_and_qualities_of_service_are_tried(cluster_with_accounting, study):
    for site, said in (
        ({"slurm_account": "nobody"}, "account nobody appears to be invalid"),
        ({"qos": "platinum"}, "Invalid qos specification"),
    ):
        found = study.run(site_profile(study.folder / "profile", **site), check=False)
        assert said in found, found
    assert cluster_with_accounting.jobs() == []
    good = site_profile(study.folder / "good", slurm_account="lab", qos="normal")
    assert "gpu accepts it" in study.run(good, target="doctor")


def test_a_controller_that_does_not_answer_is_named_at_once(cluster, study):
    cluster.stop_controller()
    start = time.monotonic()
    said = study.run(site_profile(study.folder / "profile"), check=False)
    assert "nothing was submitted: scontrol: Slurmctld(primary) at " in said, said
    assert time.monotonic() - start < 30 * busy(least=1)
    assert not (study.folder / "results").exists()


def test_a_run_gets_what_it_asks_for(cluster_with_accounting, tmp_path):
    """Not only as much as the machine has that Snakemake runs on."""
    cluster = cluster_with_accounting
    study = ClusterStudy(tmp_path / "study").make(**compute(threads=16, gpu=2))
    process = study.start(site_profile(study.folder / "profile", slurm_account="lab"))
    try:
        cluster.until(lambda: any(job.rule == "train" for job in cluster.jobs()), "a job", 60)
        [train] = [job for job in cluster.jobs() if job.rule == "train"]
        given = cluster.run("scontrol", "show", "job", str(train.id))
        assert "NumCPUs=16 " in given and "gres:gpu:toy-80gb:2" in given.replace("/", ":")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("site", "given"),
    [
        ({"gpu_option": "gres", "memory_option": "mem-per-cpu"}, "MinMemoryCPU=1000M"),
        ({"gpu_option": "gpus-per-node"}, "MinMemoryNode=2000M"),
    ],
)
def test_gpus_and_memory_are_asked_for_as_the_site_takes_them(cluster, tmp_path, site, given):
    study = ClusterStudy(tmp_path / "study").make(**compute(threads=2))
    process = study.start(site_profile(study.folder / "profile", **site), target="models")
    try:
        cluster.until(lambda: study.jobs(cluster), "a job", 60)
        [train] = study.jobs(cluster)
        cluster.wait(train.id, "COMPLETED", seconds=60)
        said = cluster.run("scontrol", "show", "job", str(train.id))
        assert given in said and "gpu:toy-80gb:1" in said, said
        assert "TresPerNode=" in said and "TresPerJob=" not in said
        study.has_ended_well(process, 60)
    finally:
        process.kill()
