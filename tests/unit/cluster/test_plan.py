"""The plan and the doctor, called as a user does."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from snakemake_run import ROOT, snakemake


def plan(folder: Path, *arguments: str, status: int = 0) -> str:
    command = [sys.executable, "workflow/scripts/plan.py", "--directory", str(folder), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    run = subprocess.run(command, cwd=ROOT, text=True, **pipes)
    assert run.returncode == status, run.stdout
    return run.stdout


def row(text: str, rule: str) -> str:
    line = next(line for line in text.splitlines() if line.startswith(f"{rule} "))
    return " ".join(line.split())


def test_isca_in_full_submits_few_jobs_and_asks_for_so_many_gpu_hours(tmp_path):
    """1,144 papers, 2 generators, 3 models, 3 seeds."""
    said = plan(tmp_path, "--profile", "profiles/slurm", "--config", "experiments=isca")
    # by hand, 4 hours each: 4 pairs files, 2 methods × 3 seeds, (1 + 2 × 3) models × 2 test sets
    assert row(said, "synthesize") == "synthesize 4 cluster 1 4 32 GB 4:00 h 16"
    assert row(said, "train") == "train 6 cluster 1 4 32 GB 4:00 h 24"
    assert row(said, "answer") == "answer 14 cluster 1 4 32 GB 4:00 h 56"
    assert "GPU-hours requested: 96, if every job takes all of its time." in said
    submitted = int(re.search(r"Submitted to the cluster: (\d+) jobs", said)[1])
    assert 4 + 6 + 14 < submitted <= 80
    assert row(said, "list_documents") == "list_documents 20 here"
    stages = [said.index(f"\n{name} ") for name in ("list_documents", "synthesize", "train")]
    assert stages == sorted(stages)


def test_the_plan_says_what_models_take_and_what_would_fit(tmp_path):
    values = yaml.safe_load((ROOT / "config/experiments/isca.yaml").read_text())
    del values["compute"]["memory_mb"]
    values["training"]["find_batch"] = False  # else only a single example has to fit
    base = values["bases"]["gpt2"]
    folder = tmp_path / f"resources/models/openai-community--gpt2/{base['revision']}"
    folder.mkdir(parents=True)
    sizes = {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", **sizes}))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values))
    profile = (ROOT / "profiles/slurm/config.yaml").read_text()
    profile = profile.replace("# gpu_memory_gb: 40", "gpu_memory_gb: 5")
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(profile)
    mine = f"experiments={tmp_path / 'mine.yaml'}"
    said = plan(tmp_path, "--profile", str(tmp_path / "profile"), "--config", mine)
    assert re.search(r"!! mine: training full takes about [\d.]+ GB of GPU memory, but 5", said)
    assert "what would fit: training.batch_size: " in said and "method: qlora" in said
    assert "ok mine: answering of baseline" in said
    # the machine's own memory is asked for by the same estimate, 4 GB where none is made
    assert "GB" in row(said, "train") and " 32 GB " not in row(said, "train")
    assert " 4 GB " in row(said, "synthesize")


def test_on_one_machine_nothing_is_submitted_and_a_mistake_is_said(tmp_path):
    assert "did you mean 'demo'?" in plan(tmp_path, "--config", "experiments=demmo", status=1)
    said = plan(tmp_path, "--config", "experiments=isca")
    assert "Submitted to the cluster: 0 jobs" in said and "GPU-hours requested" not in said


@pytest.fixture
def no_cluster(tmp_path) -> dict[str, str]:
    """A search path with little on it."""
    (tmp_path / "bin").mkdir()
    for name in ("bash", "sh", "which", "env"):
        os.symlink(f"/usr/bin/{name}", tmp_path / "bin" / name)
    return {"PATH": str(tmp_path / "bin")}


def test_the_doctor_of_a_laptop_says_that_there_is_no_cluster(tmp_path, no_cluster):
    said = snakemake(tmp_path, "doctor", "--config", "experiments=demo", **no_cluster).stdout
    assert "ok no cluster here: jobs run on this machine" in said
    assert "ok results can be written to" in said
    assert "Everything is here" in said
    assert not (tmp_path / "results").exists()


def test_the_doctor_ends_with_a_status_where_something_is_wrong(tmp_path, no_cluster):
    run = snakemake(
        tmp_path, "doctor", "--config", "experiments=isca", check=False,
        HF_HUB_OFFLINE="1", http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9",
        HF_TOKEN="", **no_cluster,
    )  # fmt: skip
    assert run.returncode == 1
    assert "!! https://dblp.org/ does not answer" in run.stdout
    assert "!! not downloaded yet: openai-community/gpt2, google/gemma-2-2b-it" in run.stdout
    assert "!! google/gemma-2-2b-it is gated" in run.stdout
    assert "things must be fixed" in run.stdout.splitlines()[-1] and "Traceback" not in run.stdout


def test_a_profile_of_a_cluster_without_one_is_wrong_before_anything_runs(tmp_path, no_cluster):
    run = snakemake(
        tmp_path, "--profile", str(ROOT / "profiles/slurm"), "--config", "experiments=demo",
        check=False, **no_cluster,
    )  # fmt: skip
    assert run.returncode != 0
    assert "there is none here: sbatch, squeue" in run.stdout
    assert not (tmp_path / "results").exists()


PINGS = [("is UP", "profiles/slurm"), ("is DOWN", "profiles/default"), ("", "profiles/default")]


@pytest.mark.parametrize(("said", "profile"), PINGS)
def test_make_asks_the_cluster_only_where_one_answers(tmp_path, said, profile):
    ping = tmp_path / "scontrol"
    ping.write_text(
        f"#!/bin/sh\necho 'Slurmctld(primary) at login {said}'\n" if said else "#!/bin/sh\n"
    )
    ping.chmod(0o755)
    command = ["make", "--always-make", "--dry-run", "doctor"]
    path = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=path)
    assert f"--profile {profile}\n" in run.stdout.replace(f"{profile} \n", f"{profile}\n")


def test_a_controller_that_is_down_is_told_and_jobs_run_here(tmp_path, no_cluster):
    for name in ("sbatch", "squeue", "sinfo", "scancel", "scontrol"):
        tool = tmp_path / "bin" / name
        tool.write_text("#!/bin/sh\necho 'Slurmctld(primary) at login is DOWN'\n")
        tool.chmod(0o755)
    run = snakemake(tmp_path, "doctor", "--config", "experiments=demo", **no_cluster)
    (line,) = [one for one in run.stdout.splitlines() if "no Slurm answers" in one]
    assert line.startswith("! ") and "DOWN" in line and "this machine" in line
