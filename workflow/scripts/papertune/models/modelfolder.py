"""Model folders: written whole or not at all, and found again in the store by what made them.

A folder gets its name whole. In the store it is ``<kind>/<fingerprint>/``, with ``identity.json`` in
it, and nobody writes into it afterwards. Results are hard links to its files, and files of their own
where these tell names.
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
CARD = "README.md"  # is never shared


@contextmanager
def model_folder(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` that takes its name once it is whole.

    Raises:
        Interrupted: the job was asked to stop meanwhile; nothing is left.
    """
    make_folder(output.parent)
    for left in output.parent.glob(f".{output.name}.*"):  # by a job that was killed while it wrote
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
    try:
        yield temporary
        # Snakemake was told as well and would not take it; what it is made from stays for the next
        # attempt, which has only this left to do
        stopping.check()
        set_mode(temporary, 0o777 & ~umask())
        if output.exists():
            shutil.rmtree(output)
        temporary.rename(output)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def generation_defaults(model: Any, tokenizer: Any, answering: Answering) -> Any:
    """A ``GenerationConfig`` for the folder, with which the model answers as in the experiment.

    What else the base's own settings say (a penalty on repetition, say) stays: answers are
    generated with it, too.
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
    """``training.json``, ``history.csv`` and ``steps.csv`` of a model folder.

    The history has a row for each validation, the steps one for each point of the training loss. The
    history has a column more where the best checkpoint was not chosen by the validation loss.
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
    """Write values as people can read them; a link to another's file is broken."""
    with atomic_write(path) as stream:
        stream.write(json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def on_disk(paths: Iterable[Path]) -> dict[str, int]:
    """Wait until files are on disk, and say how many bytes each of their names has."""
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
    """Put the model of an identity into results, and make it only where the store has none.

    A job that is killed in between loses nothing, and of two at once the first one's model stays.

    Args:
        identity: All that the model depends on (JSON values).
        output: The folder to make in results; one that is there is replaced.
        make: Makes a model's folder, whole or not at all; it is given that and a folder for
            checkpoints, which it finds again after a kill.
        name: Writes what tells of names into the output, to new files.
    """
    folder = Path(store, kind, fingerprint(identity))
    if not is_whole(folder):
        folder = beside(folder)  # what another account has there is damaged
    if is_whole(folder):
        log.info("found in the store, made before: %s", folder)
    else:
        # other directories, and other jobs of this one, may make the same at this moment
        own = Path(store, UNFINISHED, fingerprint([identity, str(output.absolute())]))
        own = make_folder(beside(own))
        write_json(own / IDENTITY, {"kind": kind, "identity": identity})
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
    """The same file under another name; a copy where the file system cannot do that."""
    try:
        os.link(path, target)
    except OSError:
        copy(path, target)


def copy(path: Path, target: Path) -> None:
    """A copy of a regular file; raises NotOwned where there is a link."""
    with open(path, "rb", opener=anybodys) as source, target.open("wb") as stream:
        shutil.copyfileobj(source, stream)


def _move(made: Path, folder: Path, identity: Mapping[str, Any]) -> None:
    """Give a whole model its place in the store, with its identity in it."""
    paths = sorted(path for path in made.iterdir() if path.name != IDENTITY)
    for path in paths:
        set_mode(path, file_mode(folder))  # safetensors writes for nobody else to read
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
