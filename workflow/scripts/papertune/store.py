"""Finished per-item work, content-addressed and append-only.

``store/<stage>/<fingerprint>/<writer>.jsonl``: the fingerprint is the hash of everything that the
work of this stage depends on, the key that of the item. Every process writes a file of its own
(append, flush, fsync per batch) and readers take every file of the folder. No locks and no
database: that is what works on NFS and Lustre with many jobs at once.
"""

import json
import logging
import os
import socket
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from papertune.identity import fingerprint
from papertune.records import atomic_write

log = logging.getLogger(__name__)

IDENTITY = "identity.json"  # what a folder of the store was made for


class Store:
    """The finished items of one stage (``fetch``, ``answer`` …) under one identity.

    The identity is everything that values depend on besides the item itself (JSON values). Only
    offsets are held in memory; values are read from disk when asked for.
    """

    def __init__(self, root: str | Path, stage: str, identity: Mapping[str, Any]) -> None:
        self.folder = Path(root) / stage / fingerprint(identity)
        self.folder.mkdir(parents=True, exist_ok=True)
        described = self.folder / IDENTITY
        if not described.exists():
            with atomic_write(described) as stream:
                json.dump(identity, stream, indent=1, sort_keys=True, ensure_ascii=False)
        self._index: dict[str, tuple[Path, int]] = {}
        self._writer: Path | None = None
        self.read_again()

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def __len__(self) -> int:
        return len(self._index)

    def get(self, key: str) -> Any:
        """The value of a finished item; KeyError where it is not finished."""
        path, offset = self._index[key]
        with open(path, "rb") as stream:
            stream.seek(offset)
            return json.loads(stream.readline())["value"]

    def missing(self, keys: Iterable[str]) -> list[str]:
        """The keys that are still to be done, in their order, each once."""
        return [key for key in dict.fromkeys(keys) if key not in self._index]

    def add(self, items: Mapping[str, Any]) -> None:
        """Append one batch of finished items; it is on disk when this returns.

        Raises OSError as the file system says; items of earlier batches stay readable.
        """
        if not items:
            return
        if self._writer is None:
            # a name no other process can have: torn lines are then always last lines
            name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
            self._writer = self.folder / name
        with open(self._writer, "ab") as stream:
            offset, lines, index = stream.tell(), [], {}
            for key, value in items.items():
                line = json.dumps({"key": key, "value": value}, ensure_ascii=False).encode() + b"\n"
                index[key] = (self._writer, offset)
                lines.append(line)
                offset += len(line)
            try:
                stream.write(b"".join(lines))
                stream.flush()
                os.fsync(stream.fileno())
            except OSError:
                self._writer = None  # a torn line may stand at the end: go on in a new file
                raise
        self._index |= index

    def read_again(self) -> None:
        """Know what other processes have finished since."""
        for path in sorted(self.folder.glob("*.jsonl")):
            offset = 0
            with open(path, "rb") as stream:
                for number, line in enumerate(stream, start=1):
                    key = _key_of(line)
                    if key is not None:
                        self._index.setdefault(key, (path, offset))
                    elif line.strip():
                        # a torn last line is the mark of a killed job; its items are done again
                        said = "%s:%d: unreadable line passed over, its item is done again"
                        log.warning(said, path, number)
                    offset += len(line)


_START, _MIDDLE = b'{"key": ', b', "value": '


def _key_of(line: bytes) -> str | None:
    """The key of a whole store line, None of a torn or foreign one; the value is not parsed."""
    end = line.find(_MIDDLE)
    if not line.startswith(_START) or end < 0 or not line.endswith(b"}\n") or b"\0" in line:
        return None
    try:
        key = json.loads(line[len(_START) : end])
    except ValueError:
        return None
    return key if isinstance(key, str) else None
