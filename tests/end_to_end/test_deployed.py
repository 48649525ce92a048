"""Used from a code host, as `snakedeploy deploy-workflow` writes it."""

import shutil
import subprocess

import pytest
import yaml

from end_to_end.conftest import small_study
from snakemake_run import ROOT, planned, snakemake

# what snakedeploy 0.17 writes
SNAKEFILE = """
from snakemake.utils import min_version
min_version("6.10.0")

configfile: "config/config.yaml"

module papertune:
    snakefile:
        github("owner/papertune", path="workflow/Snakefile", tag="v9.9.9")
    config:
        config

use rule * from papertune
"""
LEFT_OUT = (
    ".git",
    ".venv",
    ".snakemake",
    "results",
    "store",
    "resources",
    "logs",
    "site",
    ".*_cache",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of Snakemake's in which the host's repository is already, as it is after a first run."""
    folder = tmp_path_factory.mktemp("host")
    files = folder / "files"
    shutil.copytree(ROOT, files, ignore=shutil.ignore_patterns(*LEFT_OUT, "tests"), symlinks=True)
    clone = folder / "cache/snakemake/snakemake/source-cache/snakemake-git-cache/github.com/owner"
    clone.mkdir(parents=True)
    who = ("-c", "user.name=A maintainer", "-c", "user.email=maintainer@example.org")
    for words in (
        ("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "feat: all"),
        ("tag", "v9.9.9"), ("clone", "--quiet", "--bare", ".", str(clone / "papertune")),
    ):  # fmt: skip
        subprocess.run(["git", *who, *words], cwd=files, check=True)
    shutil.rmtree(files)
    return folder / "cache"


@pytest.mark.slow
def test_a_workflow_of_the_tag_alone_makes_its_study(tmp_path, cache):
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(SNAKEFILE)
    experiments = tmp_path / "config/experiments"
    experiments.mkdir(parents=True)
    (experiments / "mine.yaml").write_text(yaml.safe_dump(small_study()))
    (tmp_path / "config/config.yaml").write_text("experiments: [mine]\n")
    here = {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": ""}
    how = {"snakefile": tmp_path / "workflow/Snakefile", "warm": False, **here}
    assert planned(tmp_path, **how)["train"] == 2
    snakemake(tmp_path, "datasets", **how)
    assert list((tmp_path / "results/mine/datasets").rglob("test.parquet"))
    [unpacked] = (cache / "snakemake/snakemake/source-cache/papertune").iterdir()
    assert (unpacked / "workflow/scripts/papertune/__init__.py").exists()
    assert "Nothing to be done" in snakemake(tmp_path, "datasets", **how).stdout
