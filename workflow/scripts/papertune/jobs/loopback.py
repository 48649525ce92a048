"""The account at the other end of a loopback connection: loopback is open to every account.

The kernel's tables list the account of each socket, so a server on loopback can refuse other
accounts without a secret, which a browser or torch's processes could not present.
"""

import ipaddress
import os
import socketserver
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

End = tuple[str, int]  # address and port

ESTABLISHED, LISTENING = "01", "0A"  # of include/net/tcp_states.h


def accounts() -> dict[tuple[End, End], int]:
    """(local end, remote end) → user id of the local end, for all connections."""
    return {(here, there): user for here, there, user, _ in _sockets(ESTABLISHED)}


def listeners(port: int) -> set[tuple[str, int]]:
    """The addresses with a listener on a port, each with its socket's inode."""
    return {(here[0], number) for here, _, _, number in _sockets(LISTENING) if here[1] == port}


def _sockets(wanted: str) -> Iterator[tuple[End, End, int, int]]:
    """Both ends, user id and inode of each socket in a state."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):  # IPv6 may be disabled
            for line in Path("/proc/self/net", table).read_text().splitlines()[1:]:
                _, here, there, state, _, _, _, user, _, number = line.split()[:10]
                if state == wanted:
                    yield end(here), end(there), int(user), int(number)


def end(text: str) -> End:
    """Parse an end as the kernel writes it: words in native byte order, and a port."""
    address, port = text.split(":")
    words = struct.unpack(f">{len(address) // 8}I", bytes.fromhex(address))
    return plain(str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))), int(port, 16)


def plain(address: str) -> str:
    """An address, with an IPv4-mapped IPv6 address as plain IPv4."""
    mapped = getattr(ipaddress.ip_address(address), "ipv4_mapped", None)
    return str(mapped or address)


class OwnAccountOnly(socketserver.BaseServer):
    """Mixin (first base class) of a loopback server that other accounts cannot use."""

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether the client is a process of this account."""
        client, server = client_address[:2], request.getsockname()[:2]
        return accounts().get((client, server)) == os.getuid()
