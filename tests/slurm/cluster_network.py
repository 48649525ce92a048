"""A network of its own for the GPU nodes, and a server's place that only other nodes reach.

GPU nodes of real clusters are offline: they reach the controller and each other, nothing else. Here
they live in a network namespace that has one link, to this machine, and no route beyond it. A second
namespace stands for the internet: this machine has a link to it, the GPU nodes have no way there.
The addresses are of the range kept for measuring networks (RFC 2544), which nobody has.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A network namespace and its one link to this machine."""

    namespace: str
    link: str
    here: str
    there: str

    def inside(self, *command: str) -> list[str]:
        """The command line that runs ``command`` in this namespace."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", "--", *command]

    def add(self) -> None:
        """Make the namespace and its link.

        Raises:
            OSError: there is no ``ip``.
            subprocess.CalledProcessError: this machine does not allow it.
        """
        peer = f"{self.link}-in"
        _ip("netns", "add", self.namespace)
        # the far end comes into being inside: its name need not be free here
        _ip(
            *("link", "add", self.link, "type", "veth"),
            *("peer", "name", peer, "netns", self.namespace),
        )
        _ip("address", "add", f"{self.here}/30", "dev", self.link)
        _ip("link", "set", self.link, "up")
        # Slurm writes each message in two halves; the second waits 40 ms for the first one's receipt,
        # and a command such as sacct sends many: ask for receipts at once
        _ip(
            *("route", "replace", "table", "local", "local", self.here, "dev", self.link),
            *("src", self.here, "quickack", "1"),
        )
        _ip("-n", self.namespace, "address", "add", f"{self.there}/30", "dev", peer)
        _ip("-n", self.namespace, "link", "set", peer, "up")
        _ip("-n", self.namespace, "link", "set", "lo", "up")

    def remove(self) -> None:
        """Take both away, if they are there."""
        for command in (("link", "delete", self.link), ("netns", "delete", self.namespace)):
            subprocess.run(["ip", *command], capture_output=True, check=False)


GPU_NODES = Place("papertune-gpu", "pt-gpu", "198.18.71.1", "198.18.71.2")
OUTSIDE = Place("papertune-out", "pt-out", "198.18.71.5", "198.18.71.6")


def add_network() -> bool:
    """Make both places; say whether this machine could."""
    try:
        for place in (GPU_NODES, OUTSIDE):
            place.add()
    except (OSError, subprocess.CalledProcessError):
        remove_network()
        return False
    return True


def remove_network() -> None:
    """Take both places away, also those of a run that was killed."""
    for place in (GPU_NODES, OUTSIDE):
        try:
            place.remove()
        except OSError:  # no `ip`, so nothing was made
            return


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)
