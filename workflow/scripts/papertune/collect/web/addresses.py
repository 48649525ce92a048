"""Where requests may lead: to global addresses, and to the hosts that the experiment allows.

A listing, a redirect or a page's script may name ``http://169.254.169.254/`` or a name that leads
to the machine itself. So the address is judged that a connection is made to, after the name has
been resolved and each time anew.

Behind a proxy (``HTTP_PROXY``, ``HTTPS_PROXY``) it is the proxy that resolves names and connects.
Then only what the url itself says can be judged: an address written as such, and ``localhost``. A
name that the proxy resolves to a private address is up to the proxy.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from urllib3.util.connection import create_connection

HINT = "if this server of your own is meant, name it in fetching.allow_hosts of the experiment"
Place = tuple[str, int]  # address and port
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class PrivateAddress(Exception):
    """A host that leads to an address which is not global, and that is not allowed by name."""

    def __init__(self, host: str, address: str) -> None:
        what = host if host == address else f"{host} leads to {address}, which"
        super().__init__(f"{what} is a private address and not asked")


class Allowed:
    """Judges hosts; ``hosts``, with a port or without, may be asked wherever they lead.

    ``own`` says where servers of our own are, which no name server knows.
    """

    def __init__(self, hosts: Iterable[str] = (), own: Mapping[str, Place] = {}) -> None:
        self._hosts, self._own = {_host_and_port(host) for host in hosts}, own

    def by_name(self, host: str, port: int | None) -> bool:
        """Whether the experiment allows a host wherever it leads."""
        name = host.strip("[]").rstrip(".").lower()
        return (name, None) in self._hosts or (name, port) in self._hosts

    def check_written(self, host: str, port: int | None) -> None:
        """Judge what the url alone says, without a name server; raises PrivateAddress."""
        address = _written_address(host)
        if address and not is_global(address) and not self.by_name(host, port):
            raise PrivateAddress(host, address)

    def connect(self, host: str, port: int, *how: Any) -> socket.socket:
        """A connection to a host; raises PrivateAddress, or OSError where nobody is there."""
        *others, last = self.places(host, port)
        for place in others:
            with suppress(OSError):
                return create_connection(place, *how)
        return create_connection(last, *how)

    def places(self, host: str, port: int) -> list[Place]:
        """Where a connection to a host may be made to; raises as ``connect``."""
        if own := self._own.get(host.lower()):
            return [own]
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label that is empty or too long
            raise socket.gaierror(socket.EAI_NONAME, str(error)) from None
        every = list(dict.fromkeys(str(address[0]) for *_, address in found))
        good = every if self.by_name(host, port) else list(filter(is_global, every))
        if not good:
            raise PrivateAddress(host, every[0])
        return [(address, port) for address in good]


def is_global(address: str) -> bool:
    """Whether an address is one of the public internet, also where IPv6 only wraps IPv4."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if not wrapped and (ip in _NAT64 or int(ip) >> 32 == 0):
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped:
            return is_global(str(wrapped))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _host_and_port(entry: str) -> tuple[str, int | None]:
    entry = entry.strip().lower()
    if entry.count(":") > 1 and not entry.startswith("["):  # an IPv6 address as it is
        return entry, None
    parts = urlsplit(f"//{entry}")
    return (parts.hostname or "").rstrip("."), parts.port


def _written_address(host: str) -> str:
    """The address that a url's host is by itself, in any of the forms that resolvers take."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    with suppress(ValueError):
        return str(ipaddress.ip_address(name))
    with suppress(OSError, UnicodeError):  # 127.1, 0x7f000001, 2130706433
        return socket.inet_ntoa(socket.inet_aton(name))
    return ""
