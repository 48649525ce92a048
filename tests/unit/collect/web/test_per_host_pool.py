"""Hosts in parallel, each in its order."""

import threading
import time

import pytest

from papertune.collect.web import per_host_pool
from papertune.collect.web.per_host_pool import host_key, map_per_host
from papertune.collect.web.transport import HostStopped, PageError
from papertune.jobs import stopping


def host(item):
    return item[0]


def items(*names_and_counts):
    return [(name, n) for name, count in names_and_counts for n in range(count)]


def pool_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("per-host-")]


def test_one_host_in_order_and_several_at_once():
    running, most, together = set(), 0, threading.Lock()

    def work(item):
        nonlocal most
        with together:
            assert item[0] not in running, "one host twice at once"
            running.add(item[0])
            most = max(most, len(running))
        assert pool_threads()
        time.sleep(0.005)
        with together:
            running.remove(item[0])
        return item[1] * 2

    todo = items(("a", 20), ("b", 10), ("c", 10), ("d", 5), ("e", 1))
    done = list(map_per_host(todo, host, work, threads=3))
    assert most == 3
    assert sorted(done) == sorted((item, item[1] * 2) for item in todo)
    for name in "abcde":
        numbers = [item[1] for item, _ in done if item[0] == name]
        assert numbers == sorted(numbers)
    assert not pool_threads()


def test_the_longest_line_is_begun_at_once_for_it_decides_how_long_all_takes():
    todo = [*items(*[(f"short{n}", 4) for n in range(12)]), *items(("long", 40))]
    begun, alone, together = [], threading.Lock(), threading.Barrier(4)

    def work(item):
        with alone:
            begun.append(item)
        if len(begun) <= 4:
            together.wait(30)  # until each thread has one

    done = list(map_per_host(todo, host, work, threads=4))
    assert sorted(done) == sorted((item, None) for item in todo), "four were never at work at once"
    assert ("long", 0) in begun[:4]


def test_with_one_thread_everything_is_done_here_in_order():
    todo = [("a", 1), ("b", 1), ("a", 2)]
    done = list(map_per_host(todo, host, lambda _: threading.current_thread(), threads=1))
    assert done == [(item, threading.main_thread()) for item in todo]


@pytest.mark.parametrize("threads", [1, 4])
def test_an_items_exception_is_its_result(threads):
    def work(item):
        if item == ("a", 1):
            raise PageError("http://a/1", "http_404", "gone")
        if item[0] == "b":
            raise HostStopped("a challenge")
        return "fine"

    done = dict(map_per_host(items(("a", 3), ("b", 2), ("c", 1)), host, work, threads=threads))
    assert isinstance(done["a", 1], PageError)
    assert isinstance(done["b", 0], HostStopped) and isinstance(done["b", 1], HostStopped)
    assert done["a", 0] == done["a", 2] == done["c", 0] == "fine"


@pytest.mark.parametrize("error", [stopping.Interrupted("stop"), KeyboardInterrupt()])
def test_what_ends_the_job_in_one_thread_ends_all(error):
    begun = []

    def work(item):
        begun.append(item)
        if item == ("a", 1):
            raise error
        time.sleep(0.01)

    with pytest.raises(type(error)):
        list(map_per_host(items(("a", 50), ("b", 50), ("c", 50)), host, work, threads=3))
    count = len(begun)
    assert count < 50
    time.sleep(0.1)
    assert len(begun) == count, "something was begun after the end"
    assert not pool_threads()


def test_a_job_that_is_asked_to_stop_does(monkeypatch):
    monkeypatch.setattr(stopping, "_request", None)
    todo, got = items(("a", 100), ("b", 100)), []
    with pytest.raises(stopping.Interrupted):
        for item, _ in map_per_host(todo, host, lambda _: time.sleep(0.01), threads=2):
            got.append(item)
            if len(got) == 5:
                stopping._request = ("SIGTERM", time.monotonic())
    assert len(got) == 5
    assert not pool_threads()


def test_who_takes_no_more_ends_the_threads_and_leaves_behind_what_hangs(monkeypatch):
    monkeypatch.setattr(per_host_pool, "GRACE", 0.2)
    release, start = threading.Event(), time.monotonic()
    todo = items(("a", 99), ("b", 99))
    done = map_per_host(todo, host, lambda item: item[0] == "a" and release.wait(20), threads=2)
    assert next(done)[0] == ("b", 0)
    done.close()
    assert time.monotonic() - start < 5
    (hanging,) = pool_threads()
    release.set()
    hanging.join(5)
    assert not hanging.is_alive()


def test_the_host_key_of_a_doi_is_its_registrant():
    assert host_key("https://doi.org/10.1145/1.2") == "10.1145"
    assert host_key("http://dx.doi.org/10.1109/X") == "10.1109"
    assert host_key("https://Example.org:8080/a") == "example.org"
    assert host_key("https://doi.org/") == "doi.org"
    assert host_key("rubbish") == ""
