"""No other account of the machine can connect to a job's processes or servers."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from papertune.demo.sites import served, site_of
from papertune.demo.venue import INDEX
from papertune.errors import TrainingError
from papertune.jobs import distributed
from papertune.owned import NotOwned, held_folder
from papertune.study.settings.listings import DemoSource
from worker_jobs import Job

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another account, too")

ONE = {"each": 2, "threads": 2}
SEVERAL = {"nodes": 2, "launcher": """sh -c 'exec 3<&0; "$@" <&3 & "$@" <&3 & wait' sh"""}


def start_as_nobody(work: Callable[[], object]) -> int:
    """Another account at some work; the process's number."""
    if child := os.fork():
        return child
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        work()
        os._exit(0)
    finally:
        os._exit(1)


def as_nobody(work: Callable[[], object]) -> bool:
    """Whether another account gets through some work."""
    return os.waitpid(start_as_nobody(work), 0)[1] == 0


def intrude() -> None:
    """Take the place of a process at each port that is opened, as long as it is the quickest."""
    lines: list[socket.socket] = []
    known: set[str] = set()
    end = time.monotonic() + 200
    while time.monotonic() < end:
        rows = (line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines())
        found = {row[1] for row in rows if row[3] == "0A"}
        for place in found - known:
            for number in range(4):  # torch's processes name connections so
                with suppress(OSError):
                    port = int(place.partition(":")[2], 16)
                    lines.append(socket.socket())  # what needs imports is not for this account
                    lines[-1].connect(("127.0.0.1", port))
                    lines[-1].sendall(struct.pack("<q", number))
        known = found


@pytest.fixture
def own_loopback() -> Iterator[None]:
    """A network without anybody else's ports."""
    libc, new_network = ctypes.CDLL(None), 0x40000000
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    if libc.unshare(new_network):
        pytest.skip("no network of its own can be had here")
    try:
        with socket.socket() as any_:  # SIOCSIFFLAGS: up
            fcntl.ioctl(any_, 0x8914, struct.pack("16sh", b"lo", 1))
        yield
    finally:
        assert not libc.setns(before, new_network)
        os.close(before)


@pytest.mark.usefixtures("own_loopback")
@pytest.mark.parametrize("workers", [ONE, SEVERAL])
def test_processes_that_work_together_meet_on_no_port(tmp_path, monkeypatch, workers):
    monkeypatch.chdir(tmp_path)
    job = Job(tmp_path / "job.log", "in_step", workers=workers)
    job.wait_for("step 3")
    assert "2 processes: " in job.said()
    tree = psutil.Process(job.process.pid).children(recursive=True)
    listening = {
        p.pid: {c.laddr.ip for c in p.net_connections() if c.status == "LISTEN"} for p in tree
    }
    assert sorted(filter(None, listening.values())) == [{"127.0.0.1"}] * 2
    job.process.terminate()
    assert job.end() == 75, job.said()


@pytest.mark.usefixtures("own_loopback")
def test_another_account_that_takes_a_processs_place_ends_the_job(tmp_path):
    intruder = start_as_nobody(intrude)
    try:
        for _ in range(10):  # where the process is quicker, nobody was in its place
            job = Job(tmp_path / "job.log", "in_step", workers=ONE, steps=5)
            if status := job.end():
                break
    finally:
        os.kill(intruder, signal.SIGKILL)
        os.waitpid(intruder, 0)
    assert status == 1 and "taken by a process that is not this job's" in job.said(), job.said()


def test_no_process_reads_a_pickle_of_another(tmp_path):
    sign = tmp_path / "ran"
    workers = {"each": 2, "threads": 1}
    job = Job(tmp_path / "job.log", "send_pickles", workers=workers, sign=str(sign))
    assert job.end() == 1 and "was sent a pickle" in job.said(), job.said()
    assert not sign.exists()


def test_a_folder_that_is_not_the_jobs_own_is_not_read(tmp_path):
    theirs, open_to_all, link = (tmp_path / name for name in ("theirs", "open", "link"))
    for folder, mode in (theirs, 0o700), (open_to_all, 0o755):
        folder.mkdir()
        folder.chmod(mode)
    os.chown(theirs, NOBODY, NOBODY)
    link.symlink_to(tmp_path)
    for folder in theirs, open_to_all:
        with pytest.raises(NotOwned):
            held_folder(folder)
    with pytest.raises(NotADirectoryError):
        held_folder(link)
    held = held_folder(tmp_path)
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert (held / "theirs").is_dir()


def test_only_work_that_says_so_is_done_by_other_processes():
    with pytest.raises(TrainingError, match="not work for several processes: os:system"):
        distributed.shared_by_name("os", "system")
    assert distributed.shared_by_name("papertune.training.train", "train").__name__ == "train"


def test_the_demo_venue_answers_its_own_account_only():
    with served(site_of(DemoSource(kind="demo"))) as venue:

        def ask() -> None:
            with socket.socket() as line:
                line.connect(venue.hosts[INDEX])
                line.sendall(b"GET /robots.txt HTTP/1.0\r\n\r\n")
                assert b"200 OK" in line.recv(1000)

        ask()
        assert not as_nobody(ask) and venue.requests.total() == 1
