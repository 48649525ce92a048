"""Other accounts of the machine, and places where they meet."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT_ONLY = "only root can be several users"
GROUP, ANN, BOB, EVE = 20_000, 20_001, 20_002, 20_003
NOBODY = 65_534


def as_user(user: int, groups: list[int], work: Callable[[], object], umask: int = 0o077) -> bool:
    """Whether a process of a user gets through some work within 30 seconds."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups(groups)
            os.setgid(user)
            os.setuid(user)
            os.umask(umask)
            signal.alarm(30)  # ends one that waits for ever
            work()
            status = 0
        except BaseException as error:  # for whoever reads the test's output
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


@contextmanager
def everybodys(mode: int = 0o1777) -> Iterator[Path]:
    """A folder outside of pytest's, which lets nobody else in; by its mode as /tmp is."""
    if os.getuid():
        pytest.skip(ROOT_ONLY)
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o711)
        folder = Path(place, "shared")
        folder.mkdir()
        folder.chmod(mode)
        yield folder


@contextmanager
def group_folder(name: str = "store") -> Iterator[Path]:
    """A folder of Ann's that the group shares."""
    with everybodys(0o711) as place:
        folder = place / name
        folder.mkdir()
        os.chown(folder, ANN, GROUP)
        folder.chmod(0o2770)
        yield folder
