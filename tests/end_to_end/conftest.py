"""A small study that runs in about a minute: the demo with fewer years and few training steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake_run import ROOT, snakemake


def small_study() -> dict[str, Any]:
    """The settings of the demo, cut down; what a model learns in so few steps does not matter."""
    values = yaml.safe_load((ROOT / "config/experiments/demo.yaml").read_text())
    values["splits"] = {
        "train": {"from": 2019, "to": 2020},
        "test": {"from": 2022, "to": 2022},
        "validation": 0.2,
    }
    values["bases"]["small"]["pretrain"]["training"]["max_steps"] = 30
    values["training"]["epochs"] = 1
    values["seeds"] = [1]
    values["comparison"] = {"resamples": 500}
    return values


def write_study(folder: Path, values: dict[str, Any], name: str = "small") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Path:
    """The folder of a finished small study; tests must leave it as it is."""
    folder = tmp_path_factory.mktemp("small")
    path = write_study(folder, small_study())
    snakemake(folder, "--config", f"experiments={path}")
    return folder
