"""Trackers that log losses and scores during training."""

import importlib.util
from dataclasses import dataclass
from typing import Literal

# values of transformers' report_to that are also the names of the modules
Tracker = Literal[
    "", "trackio", "tensorboard", "wandb", "mlflow", "comet_ml", "clearml", "swanlab", "dvclive"
]
FOLDER = "logs/tracking"  # local files of trackers, of all experiments


@dataclass(frozen=True, slots=True)
class Tracking:
    """A run of a tracker: ``project`` is the experiment, ``run`` the model and seed."""

    tracker: Tracker
    project: str
    run: str


def not_installed(tracker: Tracker) -> str:
    """The message for a tracker that is not installed; empty where it is."""
    if tracker and importlib.util.find_spec(tracker) is None:
        return f"tracking: {tracker} is chosen, but not installed"
    return ""
