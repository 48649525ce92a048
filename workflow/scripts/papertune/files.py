"""Atomic writing, digests and states of files, and safe reading of untrusted JSON."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from papertune.owned import anybodys, file_mode, make_folder


@contextmanager
def atomic_write(path: str | Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Open a file, UTF-8 or binary, that gets its name only once it is complete and on disk.

    Raises OSError from the file system (a full disk, for example); the old file is then untouched.
    """
    target = Path(path)
    make_folder(target.parent)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        form: dict[str, Any] = {} if binary else {"encoding": "utf-8", "newline": "\n"}
        with os.fdopen(descriptor, "wb" if binary else "w", **form) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), file_mode(target))
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: str | Path) -> Any:
    """Return the value of a JSON file from any author.

    Raises:
        ValueError: it is not JSON, or nested deeper than any file that Papertune writes.
        OSError: it cannot be read, or is a link or not a regular file.
    """
    with open(path, encoding="utf-8", opener=anybodys) as stream:
        return from_json(stream.read())


def whole(text: str) -> str:
    """Replace lone surrogates, which cannot be encoded as UTF-8, by U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def from_json(text: str | bytes) -> Any:
    """Return the value of a JSON text, its strings made valid by :func:`whole`.

    Raises:
        ValueError: it is not JSON, its bytes are not UTF-8, or it is nested too deep.
    """
    text = text if isinstance(text, str) else text.decode("utf-8-sig")
    try:
        value = json.loads(text)
        if re.search(r"\\u[dD][89a-fA-F]", text):
            value = json.loads(whole(json.dumps(value, ensure_ascii=False)))
        return value
    except RecursionError:
        raise ValueError("nested too deep") from None


def file_state(path: str | Path) -> tuple[str, int, int, int, int]:
    """Return a file's path, size and what else changes when the file is changed or replaced."""
    state = os.stat(path)
    same = state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns
    return os.path.realpath(path), *same


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content, in hex; an unchanged file is read once per process."""
    return _file_digest(*file_state(path))


@lru_cache(maxsize=1024)
def _file_digest(path: str, *_: int) -> str:
    with open(path, "rb", opener=anybodys) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 over the contents of files, in their order, in hex."""
    total = hashlib.sha256()
    for path in paths:
        total.update(bytes.fromhex(file_digest(path)))
    return total.hexdigest()


def count_lines(path: str | Path) -> int:
    """Count the non-empty lines of a file."""
    with open(path, "rb", opener=anybodys) as stream:
        return sum(1 for line in stream if line.strip())
