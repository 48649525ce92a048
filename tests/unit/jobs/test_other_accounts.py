"""Another account of the machine reaches nothing that a job's processes or servers listen with."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import timedelta

import psutil
import pytest

from papertune.demo.venue import INDEX, demo_server
from papertune.errors import TrainingError
from papertune.jobs import agent, distributed
from papertune.study.settings.listings import DemoSource
from worker_jobs import Job

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another account, too")

ONE = {"each": 2, "threads": 2}
SEVERAL = {"nodes": 2, "launcher": """sh -c 'exec 3<&0; "$@" <&3 & "$@" <&3 & wait' sh"""}

# connects to each port that root opens on loopback, and says that it is the process expected there
INTRUDER = """
import socket, struct, time
seen, lines, end = set(), [], time.monotonic() + 60
while time.monotonic() < end:
    for line in open("/proc/self/net/tcp").readlines()[1:]:
        _, here, _, state, _, _, _, user = line.split()[:8]
        address, port = here.split(":")
        if state == "0A" and user == "0" and address == "0100007F" and port not in seen:
            seen.add(port)
            for number in range(4):
                try:
                    lines.append(socket.create_connection(("127.0.0.1", int(port, 16)), 1))
                    lines[-1].sendall(struct.pack("<q", number))
                except OSError:
                    pass
"""


def as_nobody(work: Callable[[], object]) -> bool:
    """Whether another account gets through some work."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("workers", [ONE, SEVERAL])
def test_processes_that_work_together_meet_on_no_port(tmp_path, monkeypatch, workers):
    import torch.distributed

    monkeypatch.chdir(tmp_path)
    job = Job(tmp_path / "job.log", "in_step", workers=workers)
    job.wait_for("step 3")
    assert "2 processes: " in job.said()
    tree = psutil.Process(job.process.pid).children(recursive=True)
    open_ = [c.laddr for p in tree for c in p.net_connections() if c.status == "LISTEN"]

    def ask(port: int) -> None:
        short = timedelta(seconds=2)
        torch.distributed.TCPStore("127.0.0.1", port, is_master=False, timeout=short)

    told = [port for _, port in open_ if as_nobody(lambda port=port: ask(port))]
    assert not told and len(open_) == 2
    assert {address for address, _ in open_} == {"127.0.0.1"} or workers is SEVERAL
    job.process.terminate()
    job.end()


def test_another_account_that_takes_a_processs_place_ends_the_job(tmp_path):
    how = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    with subprocess.Popen([sys.executable, "-c", INTRUDER], cwd="/", **how) as intruder:
        try:
            job = Job(tmp_path / "job.log", "in_step", workers=ONE, steps=5)
            status = job.end()
        finally:
            intruder.kill()
    assert status == 1 and "taken by a process that is not this job's" in job.said()


def test_a_folder_that_is_not_the_jobs_own_is_not_read(tmp_path):
    theirs, open_to_all, link = (tmp_path / name for name in ("theirs", "open", "link"))
    for folder, mode in (theirs, 0o700), (open_to_all, 0o755):
        folder.mkdir()
        folder.chmod(mode)
    os.chown(theirs, NOBODY, NOBODY)
    link.symlink_to(tmp_path)
    for folder in theirs, open_to_all:
        with pytest.raises(TrainingError, match="not a folder of this job alone"):
            agent.opened(str(folder))
    with pytest.raises(OSError):
        agent.opened(str(link))


def test_only_work_that_says_so_is_done_by_other_processes():
    with pytest.raises(TrainingError, match="not work for several processes: os:system"):
        distributed.shared_by_name("os", "system")
    assert distributed.shared_by_name("papertune.training.train", "train").__name__ == "train"


def test_the_demo_venue_answers_its_own_account_only():
    with demo_server(DemoSource(kind="demo")) as venue:
        address, port = venue.hosts[INDEX]
        url = f"http://{address}:{port}/robots.txt"

        def ask() -> bytes:
            return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url).read()

        assert b"Disallow" in ask()
        assert not as_nobody(ask) and venue.requests.total() == 1
