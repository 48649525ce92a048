"""A profile is copied to where Snakemake finds it by name."""

import os
import subprocess
import sys

import pytest
import yaml
from snakemake.cli import get_profile_dir

from papertune.cluster.profile import ProfileError, put, users_place
from snakemake_run import ROOT


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty home, and a working directory with a profile that has files beside it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    ours = tmp_path / "papertune/profiles/ours"
    ours.mkdir(parents=True)
    (tmp_path / "papertune/beside.yaml").write_text("partitions: {}\n")
    (ours / "partitions.yaml").write_text("partitions: {}\n")
    (ours / "README.md").write_text("ours")
    (ours / "config.yaml").write_text(
        "executor: slurm  # the plugin\njobs: 20\nslurm-logdir: logs/slurm\n"
        "slurm-partition-config: partitions.yaml\nconda-prefix: '../../beside.yaml'  # elsewhere\n"
    )
    monkeypatch.chdir(tmp_path / "papertune")
    return tmp_path


def test_snakemake_finds_it_by_its_name_and_its_paths_hold(place):
    list(put("profiles/ours", "slurm", users_place()))
    folder, file = get_profile_dir("slurm")
    assert folder == place / "home/.config/snakemake/slurm"
    values = yaml.safe_load(file.read_text())
    assert values["executor"] == "slurm" and values["jobs"] == 20
    assert (folder / values["slurm-partition-config"]).exists()
    assert values["conda-prefix"] == str(place / "papertune/beside.yaml")
    assert values["slurm-logdir"] == "logs/slurm", "of the folder of the run"
    assert not (folder / "README.md").exists()


def test_a_persons_own_files_are_kept_and_named(place):
    folder = users_place() / "slurm"
    folder.mkdir(parents=True)
    # of several, Snakemake takes the one for the newest version
    for name in ("config.yaml", "config.v8+.yaml"):
        (folder / name).write_text(f"cores: 7  # {name}\n")
    (folder / "status.py").write_text("mine")
    said = "\n".join(put("profiles/ours", "slurm", users_place()))
    _, file = get_profile_dir("slurm")
    assert "executor: slurm" in file.read_text()
    kept = [path for path in folder.iterdir() if ".kept-" in path.name]
    assert sorted(path.read_text().split()[3] for path in kept) == [
        "config.v8+.yaml",
        "config.yaml",
    ]
    assert all(str(path) in said for path in kept)
    assert (folder / "status.py").read_text() == "mine"
    # once more changes nothing
    assert "kept" not in "".join(put("profiles/ours", "slurm", users_place()))


def test_a_folder_here_that_snakemake_would_take_first_is_named(place):
    (place / "papertune/slurm").mkdir()
    assert str(place / "papertune/slurm") in "".join(put("profiles/ours", "slurm", users_place()))


@pytest.mark.parametrize(
    ("profile", "name"), [("profiles", "slurm"), ("none", "slurm"), ("profiles/ours", "../x")]
)
def test_what_is_no_profile_or_no_name_is_an_error(place, profile, name):
    with pytest.raises(ProfileError):
        list(put(profile, name, users_place()))
    assert not users_place().exists()


def test_the_profile_that_comes_along_is_found_as_people_type_it(place):
    """A dry-run with it, from another folder."""
    library = {"PYTHONPATH": str(ROOT / "workflow/scripts")}
    put_it = [
        sys.executable,
        "-m",
        "papertune.cluster.profile",
        str(ROOT / "profiles/slurm"),
        "slurm",
    ]
    subprocess.run(put_it, check=True, env=os.environ | library)
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "--quiet",
        "rules",
        "host",
        "progress",
    ]
    options = ["--snakefile", str(ROOT / "Snakefile"), "--profile", "slurm"]
    run = subprocess.run(
        [*command, *options, "--config", f"experiments={ROOT}/config/experiments/demo.yaml"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
