"""Where a training tells its losses and scores while it runs."""

import importlib.util
from dataclasses import dataclass
from typing import Literal

# those of transformers' report_to that are also called so where they are imported
Tracker = Literal[
    "", "trackio", "tensorboard", "wandb", "mlflow", "comet_ml", "clearml", "swanlab", "dvclive"
]
FOLDER = "logs/tracking"  # what lies on this disk, of all experiments


@dataclass(frozen=True, slots=True)
class Tracking:
    """A run of a tracker: ``project`` is the experiment, ``run`` what is trained."""

    tracker: Tracker
    project: str
    run: str


def not_installed(tracker: Tracker) -> str:
    """What is missing of a tracker; empty where nothing is."""
    if tracker and importlib.util.find_spec(tracker) is None:
        return f"tracking: {tracker} is asked for, and {tracker} is not installed"
    return ""
