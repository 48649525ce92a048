"""`make release`: a version in each place, the changelog made from the commits, a tag."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CITED = "CITATION.cff"
LIBRARY = "workflow/scripts/papertune/__init__.py"
CLIFF = Path(sys.executable).with_name("git-cliff")


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=A maintainer", "-c", "user.email=maintainer@example.org")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(tmp_path):
    for path in (".ci/release", "cliff.toml", "CHANGELOG.md", CITED, LIBRARY):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    git(tmp_path, "init", "--quiet")
    for key, value in (("name", "A maintainer"), ("email", "maintainer@example.org")):
        git(tmp_path, "config", f"user.{key}", value)
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "feat: a first thing")
    for subject in ("fix: a fault", "test: a proof", "refactor!: another form of files", "no kind"):
        git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", subject)
    return tmp_path


def release(folder: Path, version: str) -> subprocess.CompletedProcess:
    where = {"CLIFF": str(CLIFF), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        [".ci/release", version], cwd=folder, env=where, capture_output=True, text=True
    )


def test_a_release_has_its_number_everywhere_and_a_changelog_of_its_commits(repository):
    assert release(repository, "0.2.0").returncode == 0
    assert git(repository, "tag").split() == ["v0.2.0"]
    assert not git(repository, "status", "--porcelain")
    assert "\nversion: 0.2.0\n" in (repository / CITED).read_text()
    assert 'VERSION = "0.2.0"' in (repository / LIBRARY).read_text()
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "fix: a later fault")
    assert release(repository, "0.2.1").returncode == 0
    later, first = (repository / "CHANGELOG.md").read_text().split("\n## 0.2.0")
    assert "\n## 0.2.1" in later and "- A later fault" in later and "first" not in later
    for line in (
        "### Added\n\n- A first thing",
        "### Fixed\n\n- A fault",
        "- **Breaking:** Another form",
    ):
        assert line in first
    assert "proof" not in first and "no kind" not in first


@pytest.mark.parametrize("version", ["", "v0.2.0", "0.2", "0.2.0; rm"])
def test_what_is_no_version_is_refused(repository, version):
    refused = release(repository, version)
    assert refused.returncode == 2 and "such as 0.2.0" in refused.stderr
    assert not git(repository, "tag")


def test_a_release_is_of_what_is_committed_and_made_once(repository):
    (repository / "new").write_text("a change")
    assert "not committed" in release(repository, "0.2.0").stderr
    (repository / "new").unlink()
    assert release(repository, "0.2.0").returncode == 0
    assert "there already" in release(repository, "0.2.0").stderr
