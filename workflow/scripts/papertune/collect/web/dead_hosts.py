"""Hosts that a session asks no more: they set a challenge, want a long rest, or do not answer."""

import threading
from collections import Counter

from papertune.collect.identifiers import host_of
from papertune.collect.web.transport import HostStopped, PageError

FAILURES = 5  # failed connections in a row after which a host is not asked any more


class DeadHosts:
    """Which hosts are dead, and how often each failed in a row; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, HostStopped] = {}
        self._failures: Counter[str] = Counter()

    def check(self, url: str) -> None:
        """Raise HostStopped where the url's host is dead."""
        if error := self._hosts.get(host_of(url)):
            raise error

    def add(self, url: str, what: str, hint: str) -> HostStopped:
        """Ask the url's host no more; returns the error to raise."""
        error = self._hosts[host_of(url)] = HostStopped(what, where=url, hint=hint)
        return error

    def answered(self, url: str) -> None:
        """The url's host has answered: earlier failures do not count any more."""
        self._failures.pop(host_of(url), None)

    def failed(self, error: PageError) -> None:
        """Count a page that could not be had.

        Raises:
            HostStopped: its host did not answer several times in a row, or asks for a long rest.
        """
        host = host_of(error.where)
        if error.reason == "rate_limited":
            what = f"{error.what}, again and again"
            hint = "run again later with a longer fetching.delay"
        elif error.reason in ("connection", "timeout"):
            with self._lock:
                self._failures[host] += 1
            if self._failures[host] < FAILURES:
                return
            what = f"{host} did not answer {FAILURES} times in a row ({error.what})"
            hint = "check the network (compute nodes often have none), then run again"
        else:
            return
        raise self.add(error.where, what, f"{hint}; finished documents are in the store") from None
