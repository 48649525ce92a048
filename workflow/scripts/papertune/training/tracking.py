"""Log a training to a tracker while it runs: trackio, TensorBoard, Weights & Biases and others.

The trackers are those of transformers' ``report_to``, used through its callbacks. They only
observe: after a failure nothing more is logged and the training continues. A resumed run is the
same run in the tracker, which may get the steps since its checkpoint twice.
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
# Nothing leaves this machine unless the environment says so, and all data is in one folder.
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
    "TRACKIO_SQLITE_JOURNAL_MODE": "delete",  # WAL does not work on a shared file system
}


class Teller:
    """Logs one run to its tracker; used as a context."""

    def __init__(self, tracking: Tracking | None, checkpoints: Path) -> None:
        """``checkpoints`` identifies the run; with ``tracking`` None, nothing is logged."""
        self.tracking = tracking
        self.run = f"{tracking.run} {checkpoints.parent.name[:6]}" if tracking else ""
        self.callback: Any = None
        self.last = 0.0
        self.how: tuple[Any, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write pending values."""
        if self.callback is not None:
            self._try(lambda: self.callback.on_train_end(*self.how))

    def begin(self, args: TrainingArguments, state: TrainerState, control: Any, model: Any) -> None:
        """Before the first step; with several processes, only the first one logs."""
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
        if tracking.tracker == "tensorboard":  # there, a folder is a run
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
        """Log a training loss, at most every :data:`SECONDS`."""
        if self.callback is None or time.monotonic() - self.last < SECONDS:
            return
        self.last = time.monotonic()
        self.tell({"loss": loss, "learning_rate": float(scheduler.get_last_lr()[0])})

    def tell(self, values: dict[str, Any]) -> None:
        """Log values by the Trainer's names (``loss``, ``eval_loss``), except those of speed."""
        told = {name: value for name, value in values.items() if not name.endswith(FAST)}
        if self.callback is not None:
            self._try(lambda: self.callback.on_log(*self.how, logs=told))

    def _try(self, what: Callable[[], None]) -> None:
        try:
            with redirect_stdout(io.StringIO()):  # `make live` replaces its instructions
                what()
        except Exception as error:
            name = self.tracking.tracker if self.tracking else ""
            log.warning("%s: no further logging of %s: %s", name, self.run, error)
            self.callback = None
