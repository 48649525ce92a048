"""Several models, one after the other, by processes that are started once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import validate_call

from papertune.jobs import distributed
from papertune.training.train import train


def train_several(threads: int, runs: list[dict[str, Any]], parts_of: str = "") -> None:
    """Train each of them, as :func:`papertune.training.train.train` takes it from JSON.

    Args:
        parts_of: A base of which each process writes how much of it is its part.
    """
    for run in runs:
        validate_call(train)(**run, threads=threads)
    if parts_of:
        held = {"part": _part_of(Path(parts_of)), "processes": distributed.size()}
        Path(f"{parts_of}-{distributed.rank()}.json").write_text(json.dumps(held))


def _part_of(base: Path) -> float:
    from papertune.models.loading import load_model
    from papertune.training.several.fsdp import in_parts

    model = load_model(base, device="cpu")
    parts = in_parts(model, half=False)
    own = sum(part.to_local().numel() for part in parts.parameters())
    return own / sum(weight.numel() for weight in model.parameters())
