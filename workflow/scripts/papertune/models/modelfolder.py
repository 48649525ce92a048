"""Model folders: written atomically, and found again in the store by their identity.

A folder gets its name only once it is complete. In the store it is ``<kind>/<fingerprint>/``, with
``identity.json``, and is never changed afterwards. Results are hard links to its files, plus their
own files for what contains names.
"""

import csv
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from papertune.files import atomic_write, read_json
from papertune.identity import fingerprint
from papertune.jobs import stopping
from papertune.models.digests import weights_digest
from papertune.models.loading import end_tokens
from papertune.owned import (
    anybodys,
    beside,
    file_mode,
    give,
    make_folder,
    set_mode,
    umask,
)
from papertune.store import IDENTITY
from papertune.study.settings import Answering

log = logging.getLogger("papertune")

STEPS = ("step", "train_loss")
HISTORY = ("step", "epoch", "train_loss", "validation_loss", "learning_rate", "seconds")
SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p")
MODELS, BASES = "models", "bases"  # kinds
UNFINISHED = "checkpoints"
CARD = "README.md"  # never shared


@contextmanager
def model_folder(output: Path) -> Iterator[Path]:
    """Yield a folder beside ``output`` that is renamed to it once complete.

    Raises:
        Interrupted: the job was asked to stop meanwhile; nothing is left.
    """
    make_folder(output.parent)
    for left in output.parent.glob(f".{output.name}.*"):  # from a job that was killed while writing
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
    try:
        yield temporary
        # Snakemake was stopped as well and would not accept it; its inputs stay for the next
        # attempt, which then has only this step to do
        stopping.check()
        set_mode(temporary, 0o777 & ~umask())
        if output.exists():
            shutil.rmtree(output)
        temporary.rename(output)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def generation_defaults(model: Any, tokenizer: Any, answering: Answering) -> Any:
    """A ``GenerationConfig`` for the folder, with the experiment's decoding settings.

    The base's other settings (a repetition penalty, for example) stay: answers are generated with
    them, too.
    """
    config, ends = deepcopy(model.generation_config), sorted(end_tokens(model, tokenizer))
    sampled = answering.temperature > 0
    config.update(
        **dict.fromkeys(SAMPLING), max_new_tokens=answering.max_new_tokens, do_sample=sampled,
        eos_token_id=ends if len(ends) > 1 else (ends[0] if ends else None),
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
    )  # fmt: skip
    if sampled:
        config.update(temperature=answering.temperature, top_p=1.0, top_k=0)
    return config


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write ``training.json``, ``history.csv`` and ``steps.csv`` of a model folder.

    The history has a row per validation, the steps a row per recorded training loss. The history
    has another column if the best checkpoint was not chosen by validation loss.
    """
    rows = facts.pop("history")
    columns = list(HISTORY)
    if facts["best_by"] not in columns:
        columns.insert(columns.index("validation_loss") + 1, facts["best_by"])
    with (folder / "history.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with (folder / "steps.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([STEPS, *facts.pop("curve")])
    write_json(folder / "training.json", facts)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as readable JSON; a hard link to a shared file is broken."""
    with atomic_write(path) as stream:
        stream.write(json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def on_disk(paths: Iterable[Path]) -> dict[str, int]:
    """Flush files to disk; returns file name → bytes."""
    sizes = {}
    for path in paths:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        sizes[path.name] = path.stat().st_size
    return sizes


def place(
    store: str | Path,
    kind: str,
    identity: Mapping[str, Any],
    output: Path,
    make: Callable[[Path, Path], None],
    name: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Put the model of an identity into results; make it only if the store does not have it.

    A job that is killed in between loses nothing; of two at once, the first one's model stays.

    Args:
        identity: All that the model depends on (JSON values).
        output: The folder to make in results; an existing one is replaced.
        make: Makes a model's folder atomically; it is given that and a folder for checkpoints,
            which it finds again after a kill.
        name: Writes files that contain names into the output.
    """
    folder = Path(store, kind, fingerprint(identity))
    if not is_whole(folder):
        folder = beside(folder)  # another account's folder there is damaged
    if is_whole(folder):
        log.info("found in the store: %s", folder)
    else:
        # other directories, and other jobs of this one, may be making the same model
        own = Path(store, UNFINISHED, fingerprint([identity, str(output.absolute())]))
        own = make_folder(beside(own))
        write_json(own / IDENTITY, {"kind": kind, "identity": identity})
        made = own / output.parent.name / output.name  # logs show its last two names
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
    """Whether the store has all files of a model unchanged; damage is logged."""
    if not folder.exists():
        return False
    try:
        files = read_json(folder / IDENTITY)["files"]
        wrong = [n for n, size in files.items() if (folder / n).lstat().st_size != size]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        wrong = [str(error)]
    if wrong:
        log.warning("%s is damaged (%s): the model is made again", folder, ", ".join(wrong))
    return not wrong


def link_or_copy(path: Path, target: Path) -> None:
    """Hard-link a file, or copy it if the file system does not support that."""
    try:
        os.link(path, target)
    except OSError:
        copy(path, target)


def copy(path: Path, target: Path) -> None:
    """Copy a regular file; raises NotOwned for a link."""
    with open(path, "rb", opener=anybodys) as source, target.open("wb") as stream:
        shutil.copyfileobj(source, stream)


def _move(made: Path, folder: Path, identity: Mapping[str, Any]) -> None:
    """Move a complete model into the store, with its identity."""
    paths = sorted(path for path in made.iterdir() if path.name != IDENTITY)
    for path in paths:
        set_mode(path, file_mode(folder))  # safetensors makes files that only the owner can read
    known = {"identity": identity, "files": on_disk(paths), "weights": weights_digest(made)}
    write_json(made / IDENTITY, known)
    give(made)
    make_folder(folder.parent)
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
