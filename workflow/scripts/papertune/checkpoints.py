"""Whole checkpoints: one counts once its marker file stands in it.

A run that is killed while it writes a checkpoint goes on from the one before.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from papertune.identity import fingerprint
from papertune.records import atomic_write

log = logging.getLogger(__name__)

WHOLE = "whole"  # marker file of a finished checkpoint, with what the Trainer does not keep


@dataclass(frozen=True, slots=True)
class Carried:
    """What a run takes along from a checkpoint between two rows of its history."""

    loss: float = 0.0  # sum of the steps' training losses since the last row
    steps: int = 0  # how many they are
    seconds: float = 0.0  # that the run has taken so far


def checkpoints_of(store: str | Path, identity: Any) -> Path:
    """The folder of a run's checkpoints: its own, though others may train the same at this moment.

    Args:
        store: The store's root, which other working directories may share.
        identity: What the run's result depends on.
    """
    return Path(store, "checkpoints", fingerprint([identity, str(Path.cwd())]))


def mark_whole(folder: Path, carried: Carried) -> None:
    """Say that a checkpoint is finished."""
    with atomic_write(folder / WHOLE) as stream:
        json.dump(asdict(carried), stream)


def carried_by(folder: Path) -> Carried:
    """What a whole checkpoint carries."""
    text = (folder / WHOLE).read_text(encoding="utf-8")
    return Carried(**json.loads(text)) if text else Carried()


def newest_whole(checkpoints: Path) -> Path | None:
    """The newest finished checkpoint; half-written ones are removed."""
    found = []
    for folder in checkpoints.glob("checkpoint-*"):
        if (folder / WHOLE).exists():
            found.append((int(folder.name.rpartition("-")[2]), folder))
        else:
            log.warning("%s is not whole and is passed over", folder)
            shutil.rmtree(folder, ignore_errors=True)
    if not found:
        return None
    log.info("going on from %s", max(found)[1])
    return max(found)[1]
