"""A disk or a quota that is full, said in words whichever library it was that wrote."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from papertune.errors import PapertuneError

NUMBERS = {errno.ENOSPC, errno.EDQUOT}
# libraries in Rust say the number; torch's writer keeps the system's error to itself
SIGNS = re.compile(
    r"no space left on device|disk quota exceeded|\(os error (?:28|122)\)"
    r"|PytorchStreamWriter failed.*file write failed|unexpected pos \d+ vs \d+",
    re.IGNORECASE,
)


class DiskFullError(PapertuneError):
    """There was no room for what a job wrote."""


@contextmanager
def full_disk_in_words() -> Iterator[None]:
    """Say what to do where what is done within fails for want of room.

    Raises:
        DiskFullError: a disk or a quota is full.
    """
    try:
        yield
    except PapertuneError:
        raise
    except Exception as error:
        said = _sign(error)
        if not said:
            raise
        raise DiskFullError(
            f"the disk, or your quota on it, is full ({said})",
            where=str(getattr(error, "filename", None) or ""),
            hint="make room where results/ and store/ lie, then run the same again: what is "
            "finished is kept, training goes on from its newest whole checkpoint",
        ) from error


def _sign(error: BaseException | None) -> str:
    """What in an error, or in one that led to it, says that there is no room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NUMBERS:
            return os.strerror(error.errno)
        if SIGNS.search(str(error)):
            return str(error).splitlines()[0]
        error = error.__cause__ or error.__context__
    return ""
