"""A model folder: written whole or not at all, with the facts of the run that made it."""

import csv
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from papertune.jobs import stopping
from papertune.models.loading import end_tokens
from papertune.records import umask
from papertune.study.settings import Answering

HISTORY = ("step", "epoch", "train_loss", "validation_loss", "learning_rate", "seconds")
SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p")
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors")


def peak_memory() -> int:
    """Peak memory of this process in bytes: of the GPU where there is one, else resident."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def device_label() -> str:
    """The GPU's name, or ``cpu``."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Versions of the libraries that training goes through."""
    from importlib.metadata import version

    return {name: version(name) for name in LIBRARIES}


def generation_defaults(model: Any, tokenizer: Any, answering: Answering) -> Any:
    """A ``GenerationConfig`` for the folder, with which the model answers as in the experiment.

    What else the base's own settings say (a penalty on repetition, say) stays: answers are
    generated with it, too.
    """
    config, ends = deepcopy(model.generation_config), sorted(end_tokens(model, tokenizer))
    config.update(
        **dict.fromkeys(SAMPLING),
        eos_token_id=ends if len(ends) > 1 else (ends[0] if ends else None),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        max_new_tokens=answering.max_new_tokens,
        do_sample=answering.temperature > 0,
    )
    if answering.temperature > 0:
        config.update(temperature=answering.temperature, top_p=1.0, top_k=0)
    return config


@contextmanager
def model_folder(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` that takes its name once it is whole.

    Raises:
        Interrupted: the job was asked to stop meanwhile; nothing is left.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    for left in output.parent.glob(f".{output.name}.*"):  # by a job that was killed while it wrote
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
    try:
        yield temporary
        # Snakemake was told as well and would not take it; what it is made from stays for the next
        # attempt, which has only this left to do
        stopping.check()
        temporary.chmod(0o777 & ~umask())
        if output.exists():
            shutil.rmtree(output)
        temporary.rename(output)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def on_disk(paths: Iterable[Path]) -> dict[str, int]:
    """Wait until files are on disk, and say how many bytes each of their names has."""
    sizes = {}
    for path in paths:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        sizes[path.name] = path.stat().st_size
    return sizes


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """``training.json`` and ``history.csv`` of a model folder.

    The history has a column more where the best checkpoint was not chosen by the validation loss.
    """
    rows = facts.pop("history")
    columns = list(HISTORY)
    if facts["best_by"] not in columns:
        columns.insert(columns.index("validation_loss") + 1, facts["best_by"])
    with (folder / "history.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    (folder / "training.json").write_text(text, encoding="utf-8")
