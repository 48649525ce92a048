"""What a training tells a tracker while it runs: trackio, TensorBoard, Weights & Biases and others.

The trackers are those of transformers' ``report_to``, told by its callbacks. They look on: one that
fails is told nothing more and the training goes on. A run that was stopped is the same run when it
goes on, and may have told the steps since its checkpoint twice.
"""

import io
import logging
import os
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Self

from transformers import TrainerState, TrainingArguments

from papertune.jobs import distributed
from papertune.study.tracking import FOLDER, Tracking

log = logging.getLogger(__name__)
FAST = ("_runtime", "_per_second", "epoch")
SECONDS = 2.0  # between two losses; steps may take milliseconds
# Nothing leaves this machine unless the environment says so, and all of it lies in one folder.
PLACES = {
    "TRACKIO_DIR": "trackio",
    "TENSORBOARD_LOGGING_DIR": "tensorboard",
    "WANDB_DIR": "wandb",
    "SWANLAB_LOG_DIR": "swanlab",
}
OFFLINE = {
    "WANDB_MODE": "offline",
    "SWANLAB_MODE": "local",
    "COMET_START_ONLINE": "0",
    "TRACKIO_SQLITE_JOURNAL_MODE": "delete",  # the other one does not hold on a shared file system
}


class Teller:
    """Tells one run; a context in which it is told."""

    def __init__(self, tracking: Tracking | None, checkpoints: Path) -> None:
        """Of a run that lies in ``checkpoints``, by which it is known again; None tells nobody."""
        self.tracking = tracking
        self.run = f"{tracking.run} {checkpoints.parent.name[:6]}" if tracking else ""
        self.callback: Any = None
        self.last = 0.0
        self.how: tuple[Any, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What waits is written."""
        if self.callback is not None:
            self._try(lambda: self.callback.on_train_end(*self.how))

    def begin(self, args: TrainingArguments, state: TrainerState, control: Any, model: Any) -> None:
        """Before the first step; of several processes the first one tells."""
        if self.tracking is None or not distributed.is_first() or self.callback is not None:
            return
        args.run_name, args.project = self.run, self.tracking.project
        self.how = (args, state, control)
        self._try(lambda: self._open(self.tracking, model))  # type: ignore[arg-type]

    def _open(self, tracking: Tracking, model: Any) -> None:
        folder = Path(FOLDER).absolute()
        for name, place in PLACES.items():
            os.environ.setdefault(name, str(folder / place))
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        for name, value in OFFLINE.items():
            os.environ.setdefault(name, value)
        if tracking.tracker == "tensorboard":  # a folder is a run there
            own = folder / "tensorboard" / tracking.project / self.run.replace("/", "-")
            os.environ["TENSORBOARD_LOGGING_DIR"] = str(own)
        for of in (
            "WANDB_PROJECT",
            "MLFLOW_EXPERIMENT_NAME",
            "COMET_PROJECT_NAME",
            "SWANLAB_PROJ_NAME",
        ):
            os.environ[of] = tracking.project  # a worker process serves several experiments
        folder.mkdir(parents=True, exist_ok=True)
        from transformers.integrations import INTEGRATION_TO_CALLBACK

        self.callback = INTEGRATION_TO_CALLBACK[tracking.tracker]()
        self.callback.on_train_begin(*self.how, model=model)
        log.info("logged to %s: project %s, run %s", tracking.tracker, tracking.project, self.run)

    def loss(self, loss: float, scheduler: Any) -> None:
        """A training loss, now and then."""
        if self.callback is None or time.monotonic() - self.last < SECONDS:
            return
        self.last = time.monotonic()
        self.tell({"loss": loss, "learning_rate": float(scheduler.get_last_lr()[0])})

    def tell(self, values: dict[str, Any]) -> None:
        """Numbers by name, as the Trainer calls them: ``loss``, ``eval_loss``; not how fast it was."""
        told = {name: value for name, value in values.items() if not name.endswith(FAST)}
        if self.callback is not None:
            self._try(lambda: self.callback.on_log(*self.how, logs=told))

    def _try(self, what: Callable[[], None]) -> None:
        try:
            with redirect_stdout(io.StringIO()):  # how to look at it says `make live`
                what()
        except Exception as error:
            name = self.tracking.tracker if self.tracking else ""
            log.warning("%s: no further logging of %s: %s", name, self.run, error)
            self.callback = None
