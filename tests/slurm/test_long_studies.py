"""The demo runs through Slurm whole, and every job got what it asked for."""

from __future__ import annotations

import csv
import re

import pytest
import yaml
from cluster import Cluster
from cluster_study import ClusterStudy, site_profile

from snakemake_run import ROOT

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

COMPUTE = {"gpu": 1, "threads": 1, "memory_mb": 3000, "runtime": 30, "longest": 60}
LANGUAGE_MODEL = {"pretrain_base": 1, "train": 4, "answer": 10}
OTHERS = {"score": 10, "compare": 1, "count_stages": 1}


def test_the_demo_runs_whole_and_slurm_gave_what_was_asked_for(cluster_with_accounting, tmp_path):
    cluster: Cluster = cluster_with_accounting
    values = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())
    study = ClusterStudy(tmp_path / "demo")
    study.folder.mkdir()
    study.file.write_text(yaml.safe_dump(values | {"compute": COMPUTE}))
    study.run(site_profile(study.folder / "profile", slurm_account="lab"), seconds=1500)

    counted: dict[str, int] = {}
    for job in cluster.jobs():
        rule = re.match(r"rule_(.+?)_wildcards_", job.comment)[1]
        counted[rule] = counted.get(rule, 0) + 1
        assert job.state == "COMPLETED", job
        whole = cluster.accounting(job.id)[0]
        given = dict(item.split("=") for item in whole["AllocTRES"].split(","))
        model = rule in LANGUAGE_MODEL
        assert whole["Partition"] == ("gpu" if model else "cpu")
        assert given.get("gres/gpu") == ("1" if model else None)
        assert given["mem"] == ("3000M" if model else "4000M")
        assert given["cpu"] == "1"
    assert counted == LANGUAGE_MODEL | OTHERS

    with (study.folder / "results/small/tables/cost.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    trained = [row for row in rows if row["Stage"] == "train"]
    assert {row["Numbers from"] for row in trained} <= {"accounting", "both"}
    assert all(row["Queue time (h:mm:ss)"] and float(row["GPU hours asked"]) for row in trained)
    page = (study.folder / "results/small/report.html").read_text()
    assert "What it cost" in page
    # another run finds nothing to do, and submits nothing
    assert "Nothing to be done" in study.run(site_profile(study.folder / "profile"))
