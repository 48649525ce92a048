"""Finished models, found again by what made them: ``store/<kind>/<fingerprint>/``.

A folder gets its name whole, with ``identity.json`` in it, and nobody writes into it afterwards.
Results are hard links to its files, and files of their own where these tell names.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from papertune.identity import fingerprint
from papertune.models.loading import weights_digest
from papertune.models.modelfolder import model_folder, on_disk
from papertune.records import atomic_write, umask
from papertune.store import IDENTITY

log = logging.getLogger("papertune")

MODELS, BASES = "models", "bases"  # kinds
UNFINISHED = "checkpoints"
CARD = "README.md"  # is never shared


def place(
    store: str | Path,
    kind: str,
    identity: Mapping[str, Any],
    output: Path,
    make: Callable[[Path, Path], None],
    name: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Put the model of an identity into results, and make it only where the store has none.

    A job that is killed in between loses nothing, and of two at once the first one's model stays.

    Args:
        kind: :data:`MODELS` or :data:`BASES`.
        identity: All that the model depends on (JSON values).
        output: The folder to make in results; one that is there is replaced.
        make: Makes a model's folder, whole or not at all; it is given that and a folder for
            checkpoints, which it finds again after a kill.
        name: Writes what tells of names into the output, to new files.
    """
    folder = Path(store, kind, fingerprint(identity))
    if is_whole(folder):
        log.info("found in the store, made before: %s", folder)
    else:
        # other directories, and other jobs of this one, may make the same at this moment
        own = Path(store, UNFINISHED, fingerprint([identity, str(output.absolute())]))
        _write_json(own / IDENTITY, {"kind": kind, "identity": identity})
        made = own / output.parent.name / output.name  # logs say its last two names
        if not made.is_dir():
            make(made, own / "steps")
        _move(made, folder, identity)
        shutil.rmtree(own, ignore_errors=True)
    with model_folder(output) as linked:
        for path in sorted(folder.iterdir()):
            if path.name not in (IDENTITY, CARD):
                link_or_copy(path, linked / path.name)
        name(linked)


def is_whole(folder: Path) -> bool:
    """Whether the store has all files of a model as they were; a damaged folder is told of."""
    try:
        files = json.loads((folder / IDENTITY).read_text("utf-8"))["files"]
        wrong = [n for n, size in files.items() if (folder / n).stat().st_size != size]
    except FileNotFoundError as error:
        if not folder.exists():
            return False
        wrong = [error.filename]
    except (OSError, ValueError, LookupError, AttributeError) as error:
        wrong = [str(error)]
    if wrong:
        log.warning("%s is damaged (%s): the model is made again", folder, ", ".join(wrong))
    return not wrong


def link_or_copy(path: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system cannot do that."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _move(made: Path, folder: Path, identity: Mapping[str, Any]) -> None:
    """Give a whole model its place in the store, with its identity in it."""
    paths = sorted(path for path in made.iterdir() if path.name != IDENTITY)
    for path in paths:
        path.chmod(0o666 & ~umask())  # safetensors writes for nobody else to read
    known = {"identity": identity, "files": on_disk(paths), "weights": weights_digest(made)}
    _write_json(made / IDENTITY, known)
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            made.rename(folder)
            return
        except OSError:
            if is_whole(folder):  # another job was first
                return
            if not folder.exists():
                raise
            folder.rename(made.with_name("damaged"))


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    with atomic_write(path) as stream:
        json.dump(values, stream, indent=1, sort_keys=True, ensure_ascii=False)
