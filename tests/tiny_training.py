"""Training runs that take a second each: a random model, and pairs that it can learn by heart."""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

from papertune.models.loading import set_up_torch
from papertune.pairfile import write_pairs
from papertune.records import Pair
from papertune.study.recipe import Recipe
from papertune.study.settings import Lora, Training
from papertune.training import train as training
from tiny_models import make_model

QUICK = {"epochs": 2, "batch_size": 4, "learning_rate": 5e-3, "max_length": 96, "evaluations": 4}
COLOURS = ["red", "green", "blue", "grey", "brown", "black"]
PROMPT = "$instruction $context $question"


def pairs(first: int, count: int, **changes: Any) -> list[Pair]:
    """Questions of six kinds of answers."""
    made = [
        Pair(
            id=f"p{i}", document=f"d{i}", year=2010, instruction="Answer",
            context=f"Cache {i} is {COLOURS[i % 6]}.", question=f"What is cache {i}?",
            answer=COLOURS[i % 6], generator="rules",
        )
        for i in range(first, first + count)
    ]  # fmt: skip
    return [dataclasses.replace(pair, **changes) for pair in made]


class Runs:
    """Trains models below a folder, of a base or of a random model of a family."""

    def __init__(self, folder: Path, family: str = "llama", base: Path | None = None) -> None:
        set_up_torch(1)
        self.folder, self.base = folder, base or make_model(folder / "base", family=family)
        self.train, self.validation = folder / "train.parquet", folder / "validation.parquet"
        self.data(pairs(0, 24), pairs(24, 6))

    def data(self, train: list[Pair] | None = None, validation: list[Pair] | None = None) -> None:
        """Other pairs to train on or to validate with."""
        for path, some in ((self.train, train), (self.validation, validation)):
            if some is not None:
                write_pairs(path, some)

    def checkpoints(self, name: str) -> Path:
        return self.folder / "checkpoints" / name

    def arguments(self, name: str, *, method: str = "full", **changes: Any) -> dict[str, Any]:
        """What the training function is given; changes are sorted to whom they belong."""
        parts: dict[str, dict[str, Any]] = {"training": {}, "recipe": {}, "own": {}}
        for key, value in changes.items():
            part = "training" if key in Training.model_fields else "own"
            parts["recipe" if key in Recipe.model_fields else part][key] = value
        own = {"prompt": PROMPT, "lora": Lora(rank=4, alpha=32), **parts["recipe"]}
        recipe = {"method": method, "training": QUICK | parts["training"], **own}
        seed = parts["own"].setdefault("seed", 1)
        return {
            "recipe": Recipe.model_validate(recipe), "train": [self.train],
            "validation": [self.validation], "base": self.base,
            "output": self.folder / name / f"seed-{seed}", "checkpoints": self.checkpoints(name),
            "threads": 1, **parts["own"],
        }  # fmt: skip

    def __call__(self, name: str, **changes: Any) -> Path:
        """Train, and say where the model is."""
        arguments = self.arguments(name, **changes)
        training.train(**arguments)
        return Path(arguments["output"])


def facts_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "training.json").read_text()))


def history_of(folder: Path) -> list[dict[str, float]]:
    """The history without its times."""
    with (folder / "history.csv").open() as stream:
        read = csv.DictReader(stream)
        rows = [{key: float(value) for key, value in row.items() if value} for row in read]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def bytes_of(folder: Path) -> bytes:
    (path,) = folder.glob("*.safetensors")
    return path.read_bytes()


def weights_of(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load

    return dict(load(bytes_of(folder)))


def assert_same(folder: Path, other: Path) -> None:
    """Two runs had the same steps, losses, tokens and choice, and made the same bytes."""
    assert bytes_of(folder) == bytes_of(other)
    assert history_of(folder) == history_of(other)
    assert (folder / "steps.csv").read_bytes() == (other / "steps.csv").read_bytes()
    ours, theirs = facts_of(folder), facts_of(other)
    measured = {"wall_seconds", "tokens_per_second", "peak_memory_bytes"}
    assert {key for key in theirs if ours[key] != theirs[key]} <= measured
