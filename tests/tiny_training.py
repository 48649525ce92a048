"""Training runs that take a second each: a random model, and pairs that it can learn by heart."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from papertune.models.loading import set_up_torch
from papertune.records import Pair, write_records
from papertune.study.recipe import Recipe
from papertune.study.settings import Lora, Training
from papertune.training import train as training
from tiny_models import make_model

QUICK = {"epochs": 2, "batch_size": 4, "learning_rate": 5e-3, "max_length": 96, "evaluations": 4}
COLOURS = ["red", "green", "blue", "grey", "brown", "black"]
PROMPT = "$instruction $context $question"


def pairs(first: int, count: int) -> list[Pair]:
    """Questions of six kinds of answers."""
    return [
        Pair(
            id=f"p{i}", document=f"d{i}", year=2010, instruction="Answer",
            context=f"Cache {i} is {COLOURS[i % 6]}.", question=f"What is cache {i}?",
            answer=COLOURS[i % 6], generator="rules",
        )
        for i in range(first, first + count)
    ]  # fmt: skip


class Runs:
    """Trains models below a folder."""

    def __init__(self, folder: Path, family: str = "llama") -> None:
        set_up_torch(1)
        self.folder, self.base = folder, make_model(folder / "base", family=family)
        self.data(pairs(0, 24), pairs(24, 6))

    def data(self, train: list[Pair], validation: list[Pair]) -> None:
        write_records(self.folder / "train.jsonl", train)
        write_records(self.folder / "validation.jsonl", validation)

    def checkpoints(self, name: str) -> Path:
        return self.folder / "checkpoints" / name

    def __call__(self, name: str, *, method: str = "full", seed: int = 1, **changes: Any) -> Path:
        """Train, and say where the model is; what is no setting of training goes to the function."""
        own = {key: changes.pop(key) for key in [*changes] if key not in Training.model_fields}
        parts = {key: own.pop(key) for key in [*own] if key in Recipe.model_fields}
        recipe = {"lora": Lora(rank=4, alpha=32), "prompt": PROMPT} | parts
        output = self.folder / name / f"seed-{seed}"
        training.train(
            Recipe(method=method, training=Training.model_validate(QUICK | changes), **recipe),
            train=self.folder / "train.jsonl",
            validation=self.folder / "validation.jsonl",
            base=self.base,
            seed=seed,
            output=output,
            checkpoints=self.checkpoints(name),
            threads=1,
            **own,
        )
        return output


def facts_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "training.json").read_text()))


def history_of(folder: Path) -> list[dict[str, float]]:
    """The history without its times."""
    with (folder / "history.csv").open() as stream:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def bytes_of(folder: Path) -> bytes:
    (path,) = folder.glob("*.safetensors")
    return path.read_bytes()
