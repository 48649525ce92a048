"""The store of finished per-item work: content-addressed and append-only.

Files are ``store/<stage>/<fingerprint>/<writer>.jsonl``: the fingerprint hashes everything that the
stage's work depends on; the key identifies the item. Every process writes its own file (append,
flush, fsync per batch), and readers read every file of the folder. There are no locks and no
database, so that many jobs can work at once on NFS and Lustre.
"""

import json
import logging
import os
import socket
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, create_model

from papertune.files import atomic_write
from papertune.identity import fingerprint
from papertune.owned import make_folder, own, tell

log = logging.getLogger(__name__)

IDENTITY = "identity.json"  # the identity that a folder of the store belongs to


class Store:
    """The finished items of one stage (``fetch``, ``answer`` …) under one identity.

    The identity is everything that values depend on besides the item itself (JSON values). Only
    offsets are held in memory; values are read from disk on demand. A line whose value does not
    match ``kind`` (a type annotation), or is nested too deep, is ignored.
    """

    def __init__(
        self, root: str | Path, stage: str, identity: Mapping[str, Any], kind: Any = Any
    ) -> None:
        self.folder = make_folder(Path(root) / stage / fingerprint(identity))
        how = ConfigDict(extra="forbid", strict=True)
        self._line = create_model("Line", __config__=how, key=(str, ...), value=(kind, ...))
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

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def get(self, key: str) -> Any:
        """Return the value of a finished item; KeyError if it is not finished."""
        path, offset = self._index[key]
        with open(path, "rb", opener=own) as stream:
            stream.seek(offset)
            return json.loads(stream.readline())["value"]

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Return the keys without a finished item, in their order, each once."""
        return [key for key in dict.fromkeys(keys) if key not in self._index]

    def add(self, items: Mapping[str, Any]) -> None:
        """Append one batch of finished items; it is on disk when this returns.

        Raises OSError from the file system; items of earlier batches stay readable.
        """
        if not items:
            return
        if self._writer is None:
            # unique to this process, so that only last lines can be torn
            name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
            self._writer = self.folder / name
        with open(self._writer, "ab", opener=own) as stream:
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
                self._writer = None  # the file may end in a torn line: continue in a new file
                raise
        self._index |= index

    def read_again(self) -> None:
        """Read what other processes have finished since."""
        for path in sorted(self.folder.glob("*.jsonl")):
            try:
                self._read(path)
            except PermissionError as error:  # owned by another account, or not readable
                tell(error)

    def _read(self, path: Path) -> None:
        offset = 0
        with open(path, "rb", opener=own) as stream:
            for number, line in enumerate(stream, start=1):
                key = self._key_of(line)
                if key is not None:
                    self._index.setdefault(key, (path, offset))
                elif line.strip():
                    # a killed job leaves a torn last line; its items are done again
                    said = "%s:%d: unreadable line skipped, its item is done again"
                    log.warning(said, path, number)
                offset += len(line)

    def _key_of(self, line: bytes) -> str | None:
        """The key of a valid line; None if it is torn or does not match the expected type."""
        if not line.endswith(b"}\n"):
            return None
        try:
            return str(self._line.model_validate_json(line).key)  # type: ignore[attr-defined]
        except ValidationError:
            return None
