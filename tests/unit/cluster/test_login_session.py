"""Warnings about the session in which a run was started."""

import pytest

from papertune.cluster import session
from papertune.cluster.session import check_session, kills_at_logout
from processes import program


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A machine with systemd's files, and programs of Slurm that say what a test has them say."""

    def make(squeue="", associations="", qos="", logind=""):
        (tmp_path / "systemd/logind.conf.d").mkdir(parents=True)
        (tmp_path / "systemd/logind.conf.d/site.conf").write_text(logind)
        (tmp_path / "linger").mkdir()
        program(tmp_path / "squeue", f"echo '{squeue}'")
        program(
            tmp_path / "sacctmgr",
            f"case \"$*\" in *\" qos \"*) echo '{qos}';; *) echo '{associations}';; esac",
        )
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setattr(session, "LOGIN", (tmp_path / "systemd", tmp_path / "linger"))
        return tmp_path

    return make


def told(jobs: int = 5, **environment: str) -> list[tuple[str, str]]:
    return [(found.state, found.text) for found in check_session(environment, jobs)]


@pytest.mark.parametrize("left", ["2-03:10:00", "59:59", "UNLIMITED", "INVALID", ""])
def test_a_run_inside_a_job_is_told_how_long_it_lives(site, left):
    site(squeue=left)
    [(state, text)] = told(SLURM_JOB_ID="71")
    assert state == "doubt" and "71" in text
    assert (left in text) == (left in ("2-03:10:00", "59:59", ""))


def test_options_that_the_environment_adds_are_named(site):
    site()
    [(state, text)] = told(SBATCH_PARTITION="debug", SBATCH_MEM_PER_CPU="1G", HOME="/home/me")
    assert state == "doubt"
    assert "SBATCH_PARTITION=debug" in text and "SBATCH_MEM_PER_CPU=1G" in text
    assert "HOME" not in text


@pytest.mark.parametrize(
    ("associations", "qos", "most"),
    [
        ("||normal", "", None),
        ("20||normal", "", 20),
        ("20||normal", "12", 12),
        ("|long|long,short", "4", 4),
        ("||long,short", "4", None),
    ],
)
def test_more_jobs_than_may_be_in_the_queue_are_told(site, associations, qos, most):
    site(associations=associations, qos=qos)
    assert session.most_in_queue() == most
    states = [state for state, _ in told(jobs=15)]
    assert states == ([] if most is None else ["ok" if most >= 15 else "doubt"])


@pytest.mark.parametrize(
    ("said", "kills"),
    [
        ("", False),
        ("[Login]\n#KillUserProcesses=yes\n", False),
        ("[Login]\nKillUserProcesses=yes\n", True),
        ("[Login]\nKillUserProcesses = yes\nKillExcludeUsers=root me\n", False),
        ("[Login]\nKillUserProcesses=yes\nKillOnlyUsers=guest\n", False),
    ],
)
def test_a_machine_that_ends_everything_at_logout_is_named(site, said, kills):
    folder = site(logind=said)
    assert kills_at_logout(folder / "systemd", "me") is kills
    found = told(USER="me", TMUX="/tmp/tmux")
    assert bool(found) is kills
    if kills:
        (folder / "linger/me").touch()
        assert told(USER="me", TMUX="/tmp/tmux") == []
