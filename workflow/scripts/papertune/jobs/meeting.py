"""Where the processes of a job meet: in a file of theirs, on no port.

A port is open to every account that reaches it, and torch's store asks for no password. The file
lies in the job's folder, which nobody else can open; nodes see it as they see the run's folder.
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

START = timedelta(minutes=10)  # in which all nodes have to start
LOOK = 0.3  # seconds between two looks at who has come


def store(folder: Path, name: str) -> FileStore:
    """What processes tell each other in a file of the job's folder."""
    found = FileStore(str(folder / name))
    found.set_timeout(START)
    return found


class Meeting(RendezvousHandler):
    """The agents of all nodes; raises TrainingError where more or fewer come.

    Args:
        folder: The job's own.
        nodes: How many are to come.
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
                    hint=f"{hint}; the nodes have to share the locks of the run's folder, too "
                    "(where it is Lustre, it is mounted with `flock`)",
                )
            time.sleep(LOOK)

    def register(self) -> str:
        """Have the agent meet here; gives the name that it is to be told."""
        rendezvous_handler_registry.register(self.get_backend(), lambda parameters: self)
        return self.get_backend()

    def next_rendezvous(self) -> RendezvousInfo:
        """Who has come; processes are given an address that they do not use."""
        nowhere = RendezvousStoreInfo("nowhere", 0)  # accelerate wants a word
        return RendezvousInfo(self.store, self.node, self.nodes, nowhere)

    def get_backend(self) -> str:
        """Its name among torch's."""
        return "papertune"

    def get_run_id(self) -> str:
        """The only one here."""
        return "papertune"

    def is_closed(self) -> bool:
        """It takes place once."""
        return False

    def set_closed(self) -> None:
        """It takes place once."""

    def num_nodes_waiting(self) -> int:
        """Nobody comes later."""
        return 0

    def shutdown(self) -> bool:
        """There is nothing to close."""
        return True
