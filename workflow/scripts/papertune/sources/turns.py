"""When a host was last asked, on disk: jobs one after another keep the pause between requests."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path


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
