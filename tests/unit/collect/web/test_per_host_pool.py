"""Hosts in parallel, the requests of each in order."""

import threading
import time

import pytest

from papertune.collect.web import per_host_pool
from papertune.collect.web.per_host_pool import host_key, map_per_host
from papertune.collect.web.transport import HostStopped, PageError
from papertune.jobs import stopping
from processes import busy


def host(item):
    return item[0]


def items(**counts):
    return [(name, n) for name, count in counts.items() for n in range(count)]


def pool_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("per-host-")]


def test_one_host_in_order_and_several_at_once_the_longest_from_the_start():
    running, most, begun, alone = set(), 0, [], threading.Lock()
    together = threading.Barrier(3)

    def work(item):
        nonlocal most
        with alone:
            assert item[0] not in running, "one host twice at once"
            running.add(item[0])
            begun.append(item)
            most = max(most, len(running))
        if len(begun) <= 3:
            together.wait(30)  # until each thread has one
        time.sleep(0.002)
        with alone:
            running.remove(item[0])
        return item[1] * 2

    todo = items(a=5, b=5, c=10, d=5, e=1, longest=40)
    done = list(map_per_host(todo, host, work, threads=3))
    assert most == 3
    assert ("longest", 0) in begun[:3]
    assert sorted(done) == sorted((item, item[1] * 2) for item in todo)
    for name in {name for name, _ in todo}:
        numbers = [item[1] for item, _ in done if item[0] == name]
        assert numbers == sorted(numbers)
    assert not pool_threads()


@pytest.mark.parametrize("threads", [1, 4])
def test_an_items_exception_is_its_result(threads):
    def work(item):
        if item == ("a", 1):
            raise PageError("http://a/1", "http_404", "gone")
        if item[0] == "b":
            raise HostStopped("a challenge")
        return threading.current_thread() is threading.main_thread()

    todo = items(a=3, b=2, c=1)
    listed = list(map_per_host(todo, host, work, threads=threads))
    done = dict(listed)
    assert isinstance(done["a", 1], PageError)
    assert isinstance(done["b", 0], HostStopped) and isinstance(done["b", 1], HostStopped)
    # with one thread everything is done here, in order
    assert done["a", 0] == done["a", 2] == done["c", 0] == (threads == 1)
    assert threads > 1 or [item for item, _ in listed] == todo


@pytest.mark.parametrize("error", [stopping.Interrupted("stop"), KeyboardInterrupt(), None])
def test_what_ends_the_job_ends_all(monkeypatch, error):
    monkeypatch.setattr(stopping, "_request", None)
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.01)
        if item == ("a", 1):
            if error:
                raise error
            stopping._request = ("SIGTERM", time.monotonic())

    with pytest.raises(type(error or stopping.Interrupted(""))):
        list(map_per_host(items(a=50, b=50, c=50), host, work, threads=3))
    count = len(begun)
    assert count < 50
    time.sleep(0.1)
    assert len(begun) == count, "something was begun after the end"
    assert not pool_threads()


def test_who_takes_no_more_ends_the_threads_and_leaves_behind_what_hangs(monkeypatch):
    monkeypatch.setattr(per_host_pool, "GRACE", 0.2)
    release, start = threading.Event(), time.monotonic()

    def work(item):
        return item[0] == "a" and release.wait(20)

    done = map_per_host(items(a=99, b=99), host, work, threads=2)
    assert next(done)[0] == ("b", 0)
    done.close()
    assert time.monotonic() - start < 5 * busy()
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
