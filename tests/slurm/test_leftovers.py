"""Jobs of a killed run, and how the next run treats them."""

import time

import pytest
from cluster_place import Place, killed, states

from processes import busy

pytestmark = pytest.mark.slurm


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path)


def test_a_run_waits_for_what_a_killed_one_has_left_and_makes_nothing_twice(cluster, place):
    killed(cluster, place)
    said = place.run(code=1)
    assert "run was killed" in said or "cannot be locked" in said
    assert "left" not in said  # they are locked as yet
    place.run("--unlock")
    again = place.start()
    time.sleep(5)
    assert again.poll() is None and sorted(place.log) == ["begin a", "begin b"]
    place.go()
    said, _ = again.communicate(timeout=60 * busy())
    assert again.returncode == 0, said
    assert "An earlier run of this directory has left 2 jobs at work:" in said
    assert "slow a (running, " in said and "All have ended." in said
    assert "Nothing to be done" in said
    assert sorted(place.log) == ["begin a", "begin b", "end a", "end b"]
    assert states(cluster, place) == ["COMPLETED"] * 2


def test_what_ended_unwatched_is_known_to_be_made_with_the_settings_of_its_run(cluster, place):
    killed(cluster, place)
    place.run("--unlock")
    place.go()
    said = place.run("--config", "word=second")
    assert "Params have changed" in said
    assert (place.folder / "a.txt").read_text() == "second\n"


def test_leftovers_are_cancelled_where_the_user_says_so(cluster, place):
    killed(cluster, place)
    place.run("--unlock")
    again = place.start(PAPERTUNE_LEFTOVERS="cancel")
    cluster.until(lambda: len(place.log) == 4, "the jobs of the new run", 60)
    assert states(cluster, place)[:2] == ["CANCELLED"] * 2
    place.go()
    said, _ = again.communicate(timeout=60 * busy())
    assert again.returncode == 0, said
    assert "being stopped" in said
    assert sorted(place.log[:4]) == ["begin a", "begin a", "begin b", "begin b"]
    assert sorted(place.log[4:]) == ["end a", "end b"]


def test_jobs_of_a_run_that_is_at_work_are_left_alone(cluster, place):
    process = place.start("--config", "names=[a]")
    cluster.until(lambda: place.log == ["begin a"], "a job at work", 60)
    other = place.start("--config", "names=[b]", PAPERTUNE_LEFTOVERS="cancel")
    cluster.until(lambda: place.log == ["begin a", "begin b"], "the other's", 60)
    place.go()
    for run in (process, other):
        said, _ = run.communicate(timeout=60 * busy())
        assert run.returncode == 0, said
        assert "left" not in said


def test_while_the_controller_is_away_a_run_waits_and_no_other_starts(cluster, tmp_path):
    """The plugin alone gives its jobs up after five questions, and waits for them for ever; and no
    answer is no leave to go on where jobs may be at work."""
    at_work, left = Place(tmp_path / "at-work"), Place(tmp_path / "left")
    process = at_work.start()
    killed(cluster, left)
    left.run("--unlock")
    cluster.until(lambda: len(at_work.log) == 2, "two jobs at work", 60)
    cluster.stop_controller()
    back = time.monotonic() + 60
    said = left.run("--cores", "1", code=1)
    assert "may be at work; the cluster does not answer" in said
    assert "PAPERTUNE_LEFTOVERS=ignore" in said and "Traceback" not in said
    assert sorted(left.log) == ["begin a", "begin b"]
    assert "Job stats" in left.run("--dry-run")
    assert "wait, cancel or ignore" in left.run(code=1, PAPERTUNE_LEFTOVERS="yes")
    time.sleep(max(0, back - time.monotonic()))
    at_work.go()
    cluster.start_controller()
    left.go()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert states(cluster, at_work) == ["COMPLETED"] * 2
