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


class Network:
    """Both places of one of this machine's clusters."""

    def __init__(self, number: int) -> None:
        net = f"198.18.{71 + number}"
        self.gpu_nodes = Place(f"papertune-gpu-{number}", f"pt-gpu{number}", f"{net}.1", f"{net}.2")
        self.outside = Place(f"papertune-out-{number}", f"pt-out{number}", f"{net}.5", f"{net}.6")

    def add(self) -> bool:
        """Make both; say whether this machine could."""
        try:
            for place in (self.gpu_nodes, self.outside):
                place.add()
        except (OSError, subprocess.CalledProcessError):
            self.remove()
            return False
        return True

    def remove(self) -> None:
        """Take both away, also those of a run that was killed."""
        for place in (self.gpu_nodes, self.outside):
            try:
                place.remove()
            except OSError:  # no `ip`, so nothing was made
                return


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)
