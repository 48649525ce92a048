"""Addresses that requests may reach: global ones, and the hosts that the experiment allows.

A listing, a redirect or a page's script may name ``http://169.254.169.254/`` or a name that
resolves to the machine itself. So the address of every connection is checked, after the name has
been resolved.

Behind a proxy (``HTTP_PROXY``, ``HTTPS_PROXY``) the proxy resolves names and connects. Then only
the url itself can be checked: a literal address, and ``localhost``. Names that resolve to private
addresses are left to the proxy.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from urllib3.util.connection import create_connection

HINT = "if this is your own server, add it to fetching.allow_hosts of the experiment"
Place = tuple[str, int]  # address and port
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class PrivateAddress(Exception):
    """A host resolves to an address that is not global, and is not allowed by name."""

    def __init__(self, host: str, address: str) -> None:
        what = host if host == address else f"{host} resolves to {address}, which"
        super().__init__(f"{what} is a private address; no request was sent")


class Allowed:
    """Checks hosts; ``hosts``, with or without a port, are allowed whatever they resolve to.

    ``own``: host name → place of this process's own servers, which no name server knows.
    """

    def __init__(self, hosts: Iterable[str] = (), own: Mapping[str, Place] = {}) -> None:
        self._hosts, self._own = {_host_and_port(host) for host in hosts}, own

    def by_name(self, host: str, port: int | None) -> bool:
        """Whether the experiment allows a host whatever it resolves to."""
        name = host.strip("[]").rstrip(".").lower()
        return (name, None) in self._hosts or (name, port) in self._hosts

    def check_written(self, host: str, port: int | None) -> None:
        """Check a literal address in a url, without a name server; raises PrivateAddress."""
        address = _written_address(host)
        if address and not is_global(address) and not self.by_name(host, port):
            raise PrivateAddress(host, address)

    def connect(self, host: str, port: int, *how: Any) -> socket.socket:
        """A connection to a host; raises PrivateAddress, or OSError if none can be made."""
        *others, last = self.places(host, port)
        for place in others:
            with suppress(OSError):
                return create_connection(place, *how)
        return create_connection(last, *how)

    def places(self, host: str, port: int) -> list[Place]:
        """The addresses and ports by which a host may be reached; raises like ``connect``."""
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
    """Whether an address is on the public internet; IPv4 embedded in IPv6 is judged as IPv4."""
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
    """The literal address that a url's host is, in any form that resolvers accept; else empty."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    with suppress(ValueError):
        return str(ipaddress.ip_address(name))
    with suppress(OSError, UnicodeError):  # 127.1, 0x7f000001, 2130706433
        return socket.inet_ntoa(socket.inet_aton(name))
    return ""
