"""One model that two tasks on two nodes train is the model that one process trains."""

import json
import re
import shutil

import pytest
import yaml
from cluster import Cluster, Job
from cluster_study import ClusterStudy, site_profile
from safetensors.torch import load

from processes import wait_for
from snakemake_run import ROOT

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

COMPUTE = {"gpu": 1, "nodes": 2, "threads": 1, "memory_mb": 2000, "runtime": 10}
TRAINING = {"max_steps": 60, "max_length": 512, "batch_size": 4, "evaluations": 20}


def trainings(cluster: Cluster) -> list[Job]:
    found = [job for job in cluster.jobs() if job.rule == "train"]
    return sorted(found, key=lambda job: job.id)


def test_two_nodes_train_what_one_process_trains(cluster: Cluster, tmp_path):
    """They are also told to stop, as before a time limit, and go on in another job."""
    import torch

    study = ClusterStudy(tmp_path / "study").make(training=TRAINING, compute=COMPUTE)
    # the nodes of this cluster are one machine: each process says where Slurm has put it
    script = tmp_path / "say_where.sh"
    script.write_text('echo "a process on $SLURMD_NODENAME"; exec "$@"')
    ours = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    launcher = ours["set-resources"]["train"]["launcher"].strip("'")
    profile = site_profile(
        study.folder / "profile", launcher=f"""\"'{launcher} sh {script}'\" """.strip()
    )
    log = study.folder / "logs/small/models/full/seed-1.log"
    process = study.start(profile, target="models")
    try:
        wait_for(lambda: "step 3/60" in log.read_text(), process)
        [first] = trainings(cluster)
        given = cluster.run("scontrol", "--details", "show", "job", str(first.id))
        assert re.search(r"Nodes=g\[1-2\] \S+ \S+ GRES=gpu:toy-80gb:1\(", given), given  # on each
        cluster.run("scancel", "--signal=TERM", str(first.id))  # to its processes
        study.has_ended_well(process, 120)
    finally:
        process.kill()

    assert [job.state for job in trainings(cluster)] == ["FAILED", "COMPLETED"]
    [stopped] = (study.folder / "logs/slurm/rule_train").rglob(f"{first.id}.log")
    assert "the next attempt continues from it" in stopped.read_text()
    assert "resuming from" in log.read_text() and "2 processes: " in log.read_text()
    assert "a process on g1" in log.read_text() and "a process on g2" in log.read_text()

    found = {}
    for processes in (2, 1):
        [facts] = study.folder.glob("results/small/models/full/*/training.json")
        assert json.loads(facts.read_text())["processes"] == processes
        found[processes] = load(study.weights())
        if processes == 2:  # once more: without a launcher on this machine, one process does it
            shutil.rmtree(facts.parent)
            shutil.rmtree(study.folder / "store/models")
            study.run(None, target="models")
    one, two = found[1], found[2]
    for name, values in one.items():
        torch.testing.assert_close(two[name], values, rtol=1e-4, atol=1e-5)
