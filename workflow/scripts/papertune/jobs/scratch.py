"""Large temporary folders; those left by killed jobs are removed by later ones."""

import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NEW = 60.0  # seconds within which a new folder gets locked


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """Yield a private folder below ``$TMPDIR``, removed afterwards.

    Folders of the same kind left by ended jobs of this machine are removed first.
    """
    prefix = f"papertune-{kind}-{socket.gethostname()}-"  # several machines may share $TMPDIR
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError), _opened(folder) as file:
            state = os.fstat(file)
            if state.st_uid == os.getuid() and time.time() - state.st_mtime > NEW:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
    made = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    with made as name, _opened(Path(name)) as file:
        with suppress(OSError):  # without file locks, nothing is removed
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield Path(name)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield file
    finally:
        os.close(file)
