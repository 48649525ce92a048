"""A job's work done by several processes together, on this node or on several.

The job opens a store (torch's, a server on a free port). In it the processes find what to do, meet,
and leave word if they fail or stop; nothing else has to be the same on all nodes but the files that
the work itself reads and writes. What starts processes on other nodes is not known here: a profile
says it (``launcher``).
"""

from __future__ import annotations

import json
import logging
import shlex
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

from papertune.errors import PapertuneError, TrainingError, TryAgain
from papertune.jobs import distributed, stopping
from papertune.jobs.children import PYTHON, Child, tell_parent
from papertune.jobs.full_disk import full_disk_in_words

log = logging.getLogger("papertune")

HERE = "127.0.0.1"
LOOK = 0.1  # seconds between two looks at the processes
CONNECT = 5.0  # seconds until an address counts as none that leads to the job
START = timedelta(minutes=10)  # in which all processes have to start
FOREVER = timedelta(days=1000)


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a job: on each node so many, one for each GPU where there are GPUs.

    Args:
        nodes: How many nodes.
        each: Processes on each node.
        threads: CPU threads on each node; its processes share them.
        launcher: The command that runs another one so many times on so many nodes, with
            ``{nodes}``, ``{processes}`` (of a node) and ``{threads}`` (of a process) in it.
    """

    nodes: int = 1
    each: int = 1
    threads: int = 1
    launcher: str = ""

    @property
    def size(self) -> int:
        """How many processes."""
        return self.nodes * self.each

    @property
    def threads_each(self) -> int:
        """CPU threads of a process."""
        return max(1, self.threads // self.each)

    def command(self) -> list[str]:
        """The launcher with its numbers.

        Raises:
            TrainingError: it asks for something else.
        """
        values = {"nodes": self.nodes, "processes": self.each, "threads": self.threads_each}
        try:
            return shlex.split(self.launcher.format(**values))
        except (LookupError, ValueError) as error:
            raise TrainingError(
                f"not a launcher: {self.launcher} ({error})",
                where="set-resources: train: launcher, in the profile",
                hint="it may have {nodes}, {processes} and {threads} in it",
            ) from None


def team_of(resources: Mapping[str, Any], threads: int) -> Team:
    """The processes of a job, by what it asked for.

    Args:
        resources: ``gpu`` and ``mem_mb`` …, of a job of several nodes also ``nodes``, with the GPUs
            of all nodes; ``launcher`` from the profile. Without one, this is the only node.
        threads: Of the job, on each node.
    """
    launcher, nodes = str(resources.get("launcher") or ""), resources.get("nodes") or 1
    if nodes == 1 or not launcher:
        nodes, launcher = 1, ""
    return Team(nodes, max(1, (resources.get("gpu") or 0) // nodes), threads, launcher)


def run(work: Callable[..., None], team: Team, **arguments: Any) -> None:
    """Have every process of a team do ``work(threads=…, **arguments)``; a team of one is this process.

    Args:
        work: A function of a module that asks :mod:`papertune.jobs.distributed` who it is; its
            annotations say how to read its arguments from JSON.
        team: The processes.
        arguments: For all of them; they can be written as JSON.

    Raises:
        Interrupted: the job or a process was asked to stop; all have ended at the same step.
        PapertuneError: a process failed; the others were ended.
    """
    if team.size == 1:
        work(threads=team.threads, **arguments)
        return
    while True:
        try:
            return _together(work, team, arguments)
        except TryAgain as error:
            log.warning("%s: all processes begin anew", error)


def _together(work: Callable[..., None], team: Team, arguments: dict[str, Any]) -> None:
    """What :func:`run` does, once.

    Raises:
        TryAgain: a process found that they have to begin anew, and left word how.
    """
    from pydantic_core import to_json
    from torch.distributed import TCPStore

    stopping.check()
    store = TCPStore(HERE, 0, is_master=True, wait_for_workers=False)
    task = {
        "work": f"{work.__module__}:{work.__qualname__}",
        "arguments": {**arguments, "threads": team.threads_each},
        "size": team.size,
    }
    store.set("task", to_json(task).decode())
    places = _addresses() if team.launcher else [HERE]
    command = [*team.command(), *PYTHON, "papertune.jobs.team", str(store.port), *places]
    environment = {
        "OMP_NUM_THREADS": str(team.threads_each),  # or accelerate would choose it
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # no advice on how to go through parameters
    }
    children: list[Child] = []
    try:
        for _ in range(1 if team.launcher else team.size):  # a launcher starts all of them
            children.append(Child("", command, **environment))
        _wait(children, store)
    finally:
        for child in children:
            child.end()
    if store.check(["stopped"]):
        stopping.request("a signal to one of its processes")
        stopping.check()


def _wait(children: list[Child], store: Any) -> None:
    """Wait until all have ended well.

    Raises:
        Interrupted: one was told to stop before it could hear.
        PapertuneError: one failed.
    """
    told = False
    while True:
        failed = store.check(["failure"])  # before the look at who was killed: others fail of it
        statuses = [child.status() for child in children]
        for child, status in zip(children, statuses, strict=True):
            if status in (-signal.SIGTERM, 128 + signal.SIGTERM):
                stopping.request("SIGTERM to one of its processes")
                stopping.check()
            if status and (status < 0 or not failed):
                raise _unsaid(child, status)
        if failed:
            said = json.loads(store.get("failure"))
            raise (TryAgain if said.pop("again", False) else PapertuneError)(**said)
        if None not in statuses:
            return
        if stopping.requested() and not told:
            store.set("stop", "")
            told = True
        time.sleep(LOOK)


def _unsaid(child: Child, status: int) -> PapertuneError:
    """Why a child failed that left no word."""
    if status < 0:
        return PapertuneError(
            f"one of the processes was killed by {signal.Signals(-status).name}",
            hint="most often memory ran out, as each holds a model of its own: raise "
            "compute.memory_mb; the next attempt goes on from the newest checkpoint",
        )
    return PapertuneError(
        f"the processes ended with status {status}: {child.last}",
        hint="what they told stands in the log; the next attempt goes on from the newest checkpoint",
    )


def _addresses() -> list[str]:
    """This node by its name and by its addresses: on some networks only one of them is known."""
    import psutil

    found = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    return [socket.gethostname(), *found]


# ---- in each process --------------------------------------------------------------------------


def _main(port: int, places: list[str]) -> int:
    from pydantic import validate_call

    tell_parent()
    stopping.install()
    store = _connect(places, port)
    task = json.loads(store.get("task"))
    rank, size, host = store.add("processes", 1) - 1, task["size"], socket.gethostname()
    who = f"process {rank + 1}/{size} on {host}"
    if rank:
        tell_parent(logging.WARNING, who)
    threading.Thread(target=_listen, args=(store.host, port), daemon=True).start()
    try:
        _meet(store, rank, size)
        places = distributed.join(store, rank, size, local=store.add(f"on {host}", 1) - 1)
        log.info("%d processes: %s", size, ", ".join(places))
        module, _, name = task["work"].partition(":")
        with full_disk_in_words():
            validate_call(getattr(import_module(module), name))(**task["arguments"])
        distributed.leave()
        return 0
    except stopping.Interrupted:
        store.set("stopped", "")
        return 0
    except PapertuneError as error:
        failure: dict[str, Any] = {"what": error.what, "where": error.where, "hint": error.hint}
        if isinstance(error, TryAgain):
            failure["again"] = True
    except Exception as error:
        traceback.print_exc()
        failure = {
            "what": f"{who}: {type(error).__name__}: {error}",
            "hint": "its traceback stands in the log; if it lost another process, that one was "
            "killed or its node died",
        }
    # before this one's end, of which others fail, and only the first
    store.compare_set("failure", "", json.dumps(failure))
    return 1


def _connect(places: list[str], port: int) -> Any:
    """The job's store, at the first address that leads there."""
    from torch.distributed import TCPStore

    for place in places:
        with suppress(OSError), socket.create_connection((place, port), CONNECT):
            return TCPStore(place, port, is_master=False)
    raise SystemExit(f"no way from {socket.gethostname()} to {', '.join(places)}, port {port}")


def _meet(store: Any, rank: int, size: int) -> None:
    """Wait until all have started.

    Raises:
        TrainingError: they are too many or too few.
    """
    from torch.distributed import DistStoreError

    hint = "see launcher in the profile"
    if rank >= size:
        raise TrainingError(f"the launcher started more than {size} processes", hint=hint)
    if rank + 1 == size:
        store.set("all", "")
    try:
        store.wait(["all"], START)
    except DistStoreError:
        raise TrainingError(
            f"{store.add('processes', 0)} of {size} processes started within "
            f"{START.total_seconds():.0f} s",
            hint=hint,
        ) from None


def _listen(host: str, port: int) -> None:
    """Ask this process to stop when the job says so, or is gone."""
    from torch.distributed import TCPStore

    with suppress(RuntimeError):  # no connection, or no more
        # another one: a store does one thing at a time
        TCPStore(host, port, is_master=False).wait(["stop"], FOREVER)
    stopping.request("its job or the end of it")


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1]), sys.argv[2:]))
