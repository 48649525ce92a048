"""The whole demo through Slurm, beside a training that exceeds its time limits."""

import csv
import re
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from cluster import Cluster
from cluster_study import ClusterStudy, site_profile

from snakemake_run import ROOT

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

COMPUTE = {"gpu": 1, "threads": 1, "memory_mb": 3000, "runtime": 30, "longest": 60}
LANGUAGE_MODEL = {"pretrain_base": 1, "train": 4, "answer": 10}
OTHERS = {"score": 10, "compare": 1, "count_stages": 1, "find_suspects": 1}
OTHERS |= {"compare_without_suspects": 1}
# an attempt has 80 to 110 seconds, since Slurm looks every 30 which end within the next minute; a
# busy machine needs up to 50 of them to start
LIMITS = {"gpu": 1, "threads": 1, "memory_mb": 2000, "runtime": 2, "longest": 2}
# six minutes: three times the limit
SLOWLY = """import sys, time
if sys.orig_argv[1].endswith(".train.py"):
    from torch.optim.optimizer import register_optimizer_step_pre_hook
    register_optimizer_step_pre_hook(lambda *_: time.sleep(3))
"""
RETRIES = ("--retries", "12")
TRAINING = {"max_steps": 120, "max_length": 512, "batch_size": 4, "evaluations": 4}


@pytest.fixture(scope="module")
def cluster(clusters) -> Cluster:
    """One with accounting, for all tests here at once."""
    return clusters(True)


@pytest.fixture(scope="module")
def limited(cluster, tmp_path_factory) -> Iterator[tuple[ClusterStudy, subprocess.Popen[str]]]:
    """A training that has to stop again and again, and its process.

    It takes minutes and little of the processor: the demo runs meanwhile.
    """
    study = ClusterStudy(tmp_path_factory.mktemp("limited"))
    study.make(training=TRAINING, compute=LIMITS)
    site = {"slurm_account": "lab", "slurm_extra": "\"'--signal=TERM@10'\""}
    profile = site_profile(study.folder / "profile", **site)
    first = study.folder / "slowly.py"
    first.write_text(SLOWLY)
    process = study.start(profile, *RETRIES, target="models", WARM_JOBS_FIRST=str(first))
    yield study, process
    process.kill()


@pytest.mark.usefixtures("limited")
def test_the_demo_runs_whole_and_slurm_gave_what_was_asked_for(cluster, tmp_path):
    values = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())
    # how good its models are is for the demo's own test
    values["bases"]["small"]["pretrain"]["training"]["max_steps"] = 30
    values["training"]["epochs"] = 1
    values["seeds"] = [1, 2]
    study = ClusterStudy(tmp_path / "demo")
    study.folder.mkdir()
    study.file.write_text(yaml.safe_dump(values | {"compute": COMPUTE}))
    said = study.run(site_profile(study.folder / "profile", slurm_account="lab"), seconds=1500)
    assert re.search(r"^\d+ of \d+ jobs \| \d+ running, \d+ in the queue", said, re.M)
    assert re.search(r"submitted: trains full, seed 1$", said, re.M)

    for job in study.jobs(cluster):
        assert job.state == "COMPLETED", job
        whole = cluster.accounted(job.id)
        given = dict(item.split("=") for item in whole["AllocTRES"].split(","))
        model = job.rule in LANGUAGE_MODEL
        assert whole["Partition"] == ("gpu" if model else "cpu")
        assert given.get("gres/gpu") == ("1" if model else None)
        assert given["mem"] == ("3000M" if model else "4000M")
        assert given["cpu"] == "1"
    assert study.completed(cluster) == LANGUAGE_MODEL | OTHERS

    with (study.folder / "results/small/tables/cost.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    trained = [row for row in rows if row["Stage"] == "train"]
    assert {row["Numbers from"] for row in trained} <= {"accounting", "both"}
    assert all(row["Queue time (s)"] and float(row["GPU hours asked"]) for row in trained)
    page = (study.folder / "results/small/report.html").read_text()
    assert "What it cost" in page
    # another run finds nothing to do, and submits nothing
    assert "Nothing to be done" in study.run(site_profile(study.folder / "profile"))


def test_training_that_takes_three_times_its_limit_ends_by_itself(cluster, limited, tmp_path):
    study, process = limited
    free = ClusterStudy(tmp_path / "free").make(training=TRAINING)
    free.run(None, target="models")
    study.has_ended_well(process, 900)
    attempts = study.jobs(cluster)
    assert len(attempts) >= 3
    assert study.completed(cluster) == {"train": 1}
    assert study.weights() == free.weights()
    logs = (study.folder / "logs/slurm/rule_train").rglob("*.log")
    told = [path.read_text() for path in logs]
    stopped = ["stopped by SIGTERM" in text for text in told]
    # one that is told before it has read its examples may have nothing to say
    read = ["examples of over 512 tokens" in text for text in told]
    assert all(said for said, examples in zip(stopped, read, strict=True) if examples)
    assert read.count(True) >= 2
