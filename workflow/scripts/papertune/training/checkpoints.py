"""Complete checkpoints: each has a marker file that lists its files and their sizes.

A run that is killed while it writes a checkpoint resumes from the previous one; so does a run
whose newest checkpoint was damaged later, by a failed disk or node.
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

WHOLE = "whole"  # marker file of a complete checkpoint, with state that the Trainer does not keep
STATE = "trainer_state.json"
# written by other processes, or again after the marker; the state is parsed to check it
NOT_LISTED = ("rng_state_", STATE, f".{STATE}", WHOLE)


@dataclass(frozen=True, slots=True)
class Carried:
    """State that a run restores from a checkpoint between two rows of its history."""

    loss: float = 0.0  # sum of the steps' training losses since the last row
    steps: int = 0  # number of these steps
    seconds: float = 0.0  # duration of the run so far
    joules: float | None = 0.0  # energy of its GPUs so far; None if unknown
    curve: list[list[float]] = field(
        default_factory=list
    )  # step and training loss, of RunCallback.curve
    recent: float = 0.0  # sum of the steps' training losses since its last point


def mark_whole(folder: Path, carried: Carried) -> None:
    """Mark a checkpoint as complete, once all of it is on disk."""
    paths = (p for p in sorted(folder.iterdir()) if not p.name.startswith(NOT_LISTED))
    files = on_disk(path for path in paths if path.is_file())
    with atomic_write(folder / WHOLE) as stream:
        json.dump(asdict(carried) | {"files": files}, stream)
    give(folder)


def carried_by(folder: Path) -> Carried:
    """Read the state in a complete checkpoint."""
    return Carried(**{k: v for k, v in _read(folder / WHOLE).items() if k != "files"})


def newest_whole(checkpoints: Path) -> Path | None:
    """The newest complete checkpoint whose best model exists, too; incomplete ones are removed."""
    whole = {}
    for folder in checkpoints.glob("checkpoint-*"):
        if wrong := _what_is_wrong(folder):
            log.warning("%s is incomplete (%s) and is removed", folder, wrong)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            whole[int(folder.name.rpartition("-")[2])] = folder
    for _, folder in sorted(whole.items(), reverse=True):
        best = _read(folder / STATE).get("best_model_checkpoint")
        if best is None or Path(best).name in {kept.name for kept in whole.values()}:
            log.info("resuming from %s", folder)
            return folder
        log.warning("%s is skipped: its best model, %s, is missing", folder, best)
    return None


def newest_of_all(checkpoints: Path) -> Path | None:
    """The newest complete checkpoint, found by the first process, together."""
    # only the first process: incomplete ones are deleted
    newest = newest_whole(checkpoints) if distributed.is_first() else None
    name = distributed.of_first(str(newest or ""))
    return Path(name) if name else None


def remove_others(checkpoints: Path, *kept: str | Path | None) -> None:
    """Remove every checkpoint except some; call it when these are complete."""
    names = {Path(folder).name for folder in kept if folder}
    for folder in checkpoints.glob("checkpoint-*"):
        if folder.name not in names:
            (folder / WHOLE).unlink(missing_ok=True)  # first: a half removed one is incomplete
            shutil.rmtree(folder, ignore_errors=True)


def _what_is_wrong(folder: Path) -> str:
    """Why a checkpoint is incomplete; empty if it is complete."""
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
    ) as error:  # a file is missing or damaged
        return str(error)
    return ""


def _read(path: Path) -> dict[str, Any]:
    return dict(read_json(path))
