"""Folders that a group shares: what is made there is the group's, whatever a user's umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path


def is_shared(folder: Path) -> bool:
    """Whether a group may write a folder that hands its group down: ``chmod g+ws folder``."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return bool(mode & stat.S_ISGID and mode & stat.S_IWGRP)


def work_for_group(folders: Iterable[str | Path]) -> None:
    """Where a folder is shared, let the group read and write what this process makes from now on."""
    if any(is_shared(Path(folder)) for folder in folders):
        os.umask(os.umask(0) & ~stat.S_IRWXG)
