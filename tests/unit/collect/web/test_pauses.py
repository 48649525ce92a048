"""The pause between two requests to one host, over all processes."""

import errno
import fcntl
import itertools
import multiprocessing
import os
import signal
import threading
import time
from functools import partial

import pytest

from papertune.collect.web import pauses as pauses_module
from papertune.collect.web.pauses import HostPauses, one_of
from processes import busy

DELAY = 0.05


@pytest.fixture
def naps(monkeypatch):
    """The pauses that are asked for, in seconds; nobody sleeps."""
    asked = []
    monkeypatch.setattr(pauses_module, "nap", lambda seconds, _: asked.append(seconds))
    return asked


def ask(folder, count, delay=DELAY):
    """Take turns; a line with start and end for each."""
    pauses = HostPauses(folder / "turns")
    for _ in range(count):
        with pauses.slot("site.example", delay):
            start = time.time()
            time.sleep(0.002)
        with (folder / "asked").open("a") as file:
            file.write(f"{start} {time.time()}\n")


def asked(folder):
    return [tuple(map(float, line.split())) for line in (folder / "asked").open()]


def test_the_pause_holds_over_threads_and_processes(tmp_path):
    fork = multiprocessing.get_context("fork").Process
    others = [make(target=ask, args=(tmp_path, 6)) for make in [fork] * 3 + [threading.Thread] * 3]
    for other in others:
        other.start()
    for other in others:
        other.join()
    times = sorted(asked(tmp_path))
    assert len(times) == 36
    assert min(b[0] - a[0] for a, b in itertools.pairwise(times)) >= DELAY
    assert times[-1][0] - times[0][0] < 35 * DELAY * 2 * busy(least=1), "far slower than it must be"


def test_a_killed_job_blocks_nobody_and_has_asked(tmp_path):
    def hold():
        with HostPauses(tmp_path).slot("site.example", 0):
            (tmp_path / "held").touch()
            time.sleep(60)

    job = multiprocessing.get_context("fork").Process(target=hold)
    job.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    os.kill(job.pid, signal.SIGKILL)
    job.join()
    start = time.time()
    with HostPauses(tmp_path).slot("site.example", 0.4):
        assert 0.1 < time.time() - start < 5 * busy()


def test_a_rest_is_for_all_who_ask_this_host_and_ends(tmp_path, naps):
    for host, rest, waited in (
        ("a.example", 30, 0),
        ("b.example", 0, 0),
        ("a.example", 1e6, 30),
        ("a.example", 0, 0),  # who asks for too much is given up instead
    ):
        with HostPauses(tmp_path).slot(host, 0) as slot:
            slot.rest = rest
        assert waited - 1 < max(naps.pop(), 0) <= waited


@pytest.mark.parametrize(
    ("written", "most"),
    [*((text, 0) for text in ("", "\0", "a b", "1", "nan nan")), ("{later} {later}", 600)],
)
def test_a_file_that_says_nothing_true_makes_nobody_wait_for_ever(tmp_path, naps, written, most):
    pauses = HostPauses(tmp_path)
    pauses.asked("a.example")
    pauses._path("a.example").write_text(written.format(later=time.time() + 1e6))
    with pauses.slot("a.example", 2):
        assert not naps[0] > most


class Stop(Exception):
    pass


def stop():
    raise Stop


def test_who_waits_can_be_told_to_stop(tmp_path):
    pauses = HostPauses(tmp_path)
    pauses.asked("a.example")
    with pytest.raises(Stop), pauses.slot("a.example", 60, stop):
        pass
    with pauses.slot("b.example", 0), pytest.raises(Stop), pauses.slot("b.example", 0, stop):
        pass
    with pauses.slot("b.example", 0):  # and nothing stays locked
        pass


def test_no_more_than_so_many_have_a_place(tmp_path):
    place = partial(one_of, tmp_path, "browser", 2)
    with place():
        with place(), pytest.raises(Stop), place(stop):
            pass
        with place():
            pass


def test_without_locks_the_times_alone_keep_the_pause(tmp_path, monkeypatch, caplog):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    pauses_module._tell_of_no_locks.cache_clear()
    ask(tmp_path, 3)
    times = asked(tmp_path)
    assert len(times) == 3
    assert min(b[0] - a[0] for a, b in itertools.pairwise(times)) >= DELAY
    assert caplog.text.count("one at a time") == 1
