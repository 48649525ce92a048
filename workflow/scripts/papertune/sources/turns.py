"""When a host was last asked, on disk: jobs one after another keep the pause between requests."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

# Seconds that lie at least between two requests to a host or those below it, whatever
# fetching.delay says: what their operators ask of programs.
HOST_DELAYS = {
    "arxiv.org": 3.0,  # one request in three seconds, over all machines of one person
    "export.arxiv.org": 3.0,
    "dblp.org": 2.0,  # one request in one or two seconds, else 429
    "sparql.dblp.org": 2.0,
    "api.semanticscholar.org": 1.0,  # one a second with a key
    "api.crossref.org": 0.2,  # five a second without a contact, ten with one
    "api.openalex.org": 0.1,
    "api.stackexchange.com": 0.1,  # over thirty a second the address is blocked
    "wikipedia.org": 0.3,  # 200 a minute with a User-Agent that names who asks
    "wikimedia.org": 0.3,
}


def least_delay(host: str) -> float:
    """The seconds of :data:`HOST_DELAYS` for a host: its own, else those of the domain above."""
    parts = host.rstrip(".").split(".")
    names = (".".join(parts[first:]) for first in range(len(parts)))
    return next((HOST_DELAYS[name] for name in names if name in HOST_DELAYS), 0.0)


class Turns:
    """One empty file per host; its time stamp is that of the last answer.

    Jobs that ask one source run one at a time (the profiles see to that), so a time stamp is
    enough and no lock is needed.

    Args:
        folder: Shared by all jobs that ask the same hosts.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def pause(self, host: str, delay: float) -> float:
        """Seconds until a host may be asked again, at most ``delay``."""
        try:
            since = time.time() - self._path(host).stat().st_mtime
        except FileNotFoundError:
            return 0.0
        return min(max(delay - since, 0.0), delay)

    def asked(self, host: str) -> None:
        """The host has just answered, or failed to."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path(host).touch()

    def _path(self, host: str) -> Path:
        return self.folder / hashlib.sha256(host.encode()).hexdigest()[:16]
