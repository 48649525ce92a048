"""Whole checkpoints: one counts once its marker file stands in it and its files are as that says.

A run that is killed while it writes a checkpoint goes on from the one before; so does one whose
newest checkpoint was torn later, by a disk or a node that failed.
"""

import json
import logging
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from papertune.files import atomic_write, read_json
from papertune.jobs import distributed
from papertune.models.modelfolder import on_disk
from papertune.owned import give

log = logging.getLogger(__name__)

WHOLE = "whole"  # marker file of a finished checkpoint, with what the Trainer does not keep
STATE = "trainer_state.json"
# written by other processes, or anew after the marker; the state is read to see that it is whole
NOT_LISTED = ("rng_state_", STATE, f".{STATE}", WHOLE)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a run takes along from a checkpoint between two rows of its history."""

    loss: float = 0.0  # sum of the steps' training losses since the last row
    steps: int = 0  # how many they are
    seconds: float = 0.0  # that the run has taken so far
    joules: float | None = 0.0  # that its GPUs have used so far; None where it is not known
    curve: list[list[float]] = field(
        default_factory=list
    )  # step and training loss, of RunCallback.curve
    recent: float = 0.0  # sum of the steps' training losses since its last point


def mark_whole(folder: Path, carried: Carried) -> None:
    """Say that a checkpoint is finished, once all of it is on disk."""
    paths = (p for p in sorted(folder.iterdir()) if not p.name.startswith(NOT_LISTED))
    files = on_disk(path for path in paths if path.is_file())
    with atomic_write(folder / WHOLE) as stream:
        json.dump(asdict(carried) | {"files": files}, stream)
    give(folder)


def carried_by(folder: Path) -> Carried:
    """What a whole checkpoint carries."""
    return Carried(**{k: v for k, v in _read(folder / WHOLE).items() if k != "files"})


def newest_whole(checkpoints: Path) -> Path | None:
    """The newest finished checkpoint whose best model is there too; half-written ones are removed."""
    whole = {}
    for folder in checkpoints.glob("checkpoint-*"):
        if wrong := _what_is_wrong(folder):
            log.warning("%s is not whole (%s) and is removed", folder, wrong)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            whole[int(folder.name.rpartition("-")[2])] = folder
    for _, folder in sorted(whole.items(), reverse=True):
        best = _read(folder / STATE).get("best_model_checkpoint")
        if best is None or Path(best).name in {kept.name for kept in whole.values()}:
            log.info("going on from %s", folder)
            return folder
        log.warning("%s is passed over: its best model, %s, is gone", folder, best)
    return None


def newest_of_all(checkpoints: Path) -> Path | None:
    """The newest finished checkpoint as the first of all processes finds it, together."""
    # it alone: what is not whole is deleted
    newest = newest_whole(checkpoints) if distributed.is_first() else None
    name = distributed.of_first(str(newest or ""))
    return Path(name) if name else None


def remove_others(checkpoints: Path, *kept: str | Path | None) -> None:
    """Remove every checkpoint but some; call it when these are whole."""
    names = {Path(folder).name for folder in kept if folder}
    for folder in checkpoints.glob("checkpoint-*"):
        if folder.name not in names:
            (folder / WHOLE).unlink(missing_ok=True)  # first: what is half removed is not whole
            shutil.rmtree(folder, ignore_errors=True)


def _what_is_wrong(folder: Path) -> str:
    """Why a checkpoint is not whole; empty where it is."""
    if not (folder / WHOLE).exists():
        return "it was not finished"
    try:
        marker, _ = _read(folder / WHOLE), _read(folder / STATE)
        for name, size in marker["files"].items():
            if (there := (folder / name).stat().st_size) != size:
                return f"{name} has {there} bytes of {size}"
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:  # a file is missing, or torn
        return str(error)
    return ""


def _read(path: Path) -> dict[str, Any]:
    return dict(read_json(path))
