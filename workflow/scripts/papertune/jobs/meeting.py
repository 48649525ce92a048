"""Rendezvous of a job's processes through a file, without a port.

A port is open to every account that reaches it, and torch's store has no password. The file is
in the job's folder, which no other account can open; all nodes see the run's folder.
"""

import time
from datetime import timedelta
from pathlib import Path

from torch.distributed import FileStore
from torch.distributed.elastic.rendezvous import (
    RendezvousHandler,
    RendezvousInfo,
    RendezvousStoreInfo,
    rendezvous_handler_registry,
)

from papertune.errors import TrainingError

START = timedelta(minutes=10)  # within which all nodes must start
LOOK = 0.3  # seconds between two checks of who has arrived


def store(folder: Path, name: str) -> FileStore:
    """A key-value store shared by processes, in a file of the job's folder."""
    found = FileStore(str(folder / name))
    found.set_timeout(START)
    return found


class Meeting(RendezvousHandler):
    """The rendezvous of all nodes' agents; raises TrainingError if more or fewer arrive.

    Args:
        folder: The job's own folder.
        nodes: The expected number of nodes.
    """

    def __init__(self, folder: Path, nodes: int) -> None:
        self.nodes, self.store = nodes, store(folder, "agents")
        self.node = self.store.add("nodes", 1) - 1
        hint = "see launcher in the profile"
        if self.node >= nodes:
            raise TrainingError(f"the launcher started more than {nodes} processes", hint=hint)
        if self.node + 1 == nodes:
            self.store.set("all", "")
        end = time.monotonic() + START.total_seconds()
        while not self.store.check(["all"]):
            if time.monotonic() > end:
                raise TrainingError(
                    f"{self.store.add('nodes', 0)} of {nodes} processes started within {START}",
                    hint=f"{hint}; file locks in the run's folder must also work across nodes "
                    "(on Lustre, mount it with `flock`)",
                )
            time.sleep(LOOK)

    def register(self) -> str:
        """Register this rendezvous with torch; returns its name."""
        rendezvous_handler_registry.register(self.get_backend(), lambda parameters: self)
        return self.get_backend()

    def next_rendezvous(self) -> RendezvousInfo:
        """The group of nodes; processes get a dummy address that they do not use."""
        nowhere = RendezvousStoreInfo("nowhere", 0)  # accelerate needs some text
        return RendezvousInfo(self.store, self.node, self.nodes, nowhere)

    def get_backend(self) -> str:
        """Its name in torch's registry."""
        return "papertune"

    def get_run_id(self) -> str:
        """The id of the run; there is only one."""
        return "papertune"

    def is_closed(self) -> bool:
        """It takes place once."""
        return False

    def set_closed(self) -> None:
        """It takes place once."""

    def num_nodes_waiting(self) -> int:
        """The number of late nodes: none are accepted."""
        return 0

    def shutdown(self) -> bool:
        """There is nothing to close."""
        return True
