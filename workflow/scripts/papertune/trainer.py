"""The Trainer of transformers, able to leave at any step and to go on as if it had not.

Asked to stop, it ends the step it is at, writes a checkpoint and leaves. A validation is broken
off, as it may take longer than there is time; the next attempt begins with it. Where several
processes train one model, they stop together and the first of them writes.
"""

from __future__ import annotations

import logging
import math
import os
import time
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerState

from papertune import distributed
from papertune.checkpoints import Carried, carried_by, mark_whole
from papertune.errors import TrainingError
from papertune.settings import Training

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 15.0
STATE = "trainer_state.json"


class BrokenOff(Exception):
    """A validation was left before its end."""


class StoppableTrainer(Trainer):
    """Goes on from checkpoints between two rows of the history, and from before their validation.

    Args:
        watch: The callback that decides; it is not among ``callbacks``.
        how: As of Trainer.
    """

    state: TrainerState

    def __init__(self, watch: Watch, **how: Any) -> None:
        self.watch = watch
        super().__init__(callbacks=[watch], **how)

    def training_step(self, *arguments: Any, **how: Any) -> Any:
        """As of Trainer; the loss is added up here, as the Trainer forgets it when it stops."""
        loss = super().training_step(*arguments, **how)
        self.watch.loss = self.watch.loss + loss
        return loss

    def evaluate(self, *arguments: Any, **how: Any) -> dict[str, float]:
        """As of Trainer; a validation that is broken off finds no best model."""
        try:
            metrics: dict[str, float] = super().evaluate(*arguments, **how)
        except BrokenOff:
            return {"eval_loss": math.inf}
        return metrics

    def run(self, checkpoint: Path | None) -> TrainerState:
        """Train to the end, from a checkpoint on where there is one; the model is then the best.

        Raises:
            Interrupted: the job was asked to stop; a checkpoint has all that was done.
            TrainingError: a loss is no number.
        """
        if checkpoint is None:
            self.train()
            return self.state
        self.watch.carried = carried_by(checkpoint)
        state = TrainerState.load_from_json(str(checkpoint / STATE))
        if self.watch.due(state.global_step) and not _validated(state):
            self._validate(checkpoint, state)
        if self.watch.is_over(state):
            # the Trainer would take another step before it looked
            self.state = state
            if distributed.is_first():
                self._load_from_checkpoint(state.best_model_checkpoint)
        else:
            self.train(resume_from_checkpoint=str(checkpoint))
        return self.state

    def _validate(self, checkpoint: Path, state: TrainerState) -> None:
        """The validation that an earlier attempt left out, written to its checkpoint."""
        self._load_from_checkpoint(str(checkpoint))
        self.state = state
        self.watch.begin(state)
        loss = self.evaluate()["eval_loss"]
        distributed.check()
        if state.best_global_step is None or loss < state.best_metric:
            state.best_metric, state.best_global_step = loss, state.global_step
            state.best_model_checkpoint = str(checkpoint)
        if distributed.is_first():
            temporary = checkpoint / f".{STATE}"
            state.save_to_json(str(temporary))
            os.replace(temporary, checkpoint / STATE)


class Watch(TrainerCallback):
    """Chooses when to validate and to save, times, logs and stops.

    Args:
        steps: Of the whole run.
        training: The run's settings.
        what: Names the run in the log.
    """

    def __init__(self, steps: int, training: Training, what: str) -> None:
        self.steps, self.patience, self.what = steps, training.patience, what
        self.points = {
            max(1, round(steps * (i + 1) / training.evaluations))
            for i in range(training.evaluations)
        }
        self.carried = Carried()
        self.loss: Any = 0.0  # sum over the steps since the last row; a tensor from the first on

    def due(self, step: int) -> bool:
        """Whether a row of the history belongs to this step."""
        return step in self.points

    def is_over(self, state: TrainerState) -> bool:
        """Whether there is no step to take any more."""
        return state.global_step >= self.steps or self._is_patience_over(state)

    def begin(self, state: TrainerState) -> None:
        """Start or go on where ``state`` is."""
        rows = (row.get("seconds", 0.0) for row in state.log_history)
        self.earlier = max(self.carried.seconds, *rows, 0.0)
        self.start = self.last = time.monotonic()
        self.first_step = state.global_step
        self.loss, self.logged = self.carried.loss, state.global_step - self.carried.steps

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Before the first step of this attempt."""
        # of a state that was just written, other nodes may have read the one before
        for name in ("log_history", "best_metric", "best_global_step", "best_model_checkpoint"):
            setattr(state, name, distributed.of_first(getattr(state, name)))
        self.begin(state)
        distributed.check()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Decide what follows the step."""
        due, asked = self.due(state.global_step), distributed.asked_to_stop()
        control.should_log = control.should_evaluate = due
        control.should_save = due or asked
        now = time.monotonic()
        if now - self.last >= PROGRESS_SECONDS and not due:
            self.last = now
            rate = (state.global_step - self.first_step) / (now - self.start)
            log.info("%s: step %d/%d (%.1f/s)", self.what, state.global_step, self.steps, rate)

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Complete a row of the history and look at its losses."""
        row = state.log_history[-1]
        row["seconds"] = self._seconds()
        if "loss" in row:
            row["loss"] = self._mean_loss() / (state.global_step - self.logged)
            self.loss, self.logged = 0.0, state.global_step
        for key in ("loss", "eval_loss", "grad_norm"):
            if key in row and not math.isfinite(row[key]):
                raise TrainingError(
                    f"the {key} is {row[key]} at step {state.global_step}",
                    where=self.what,
                    hint="lower training.learning_rate, or set training.precision to fp32",
                )

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Leave a validation; not before its first batch, whose making draws a random number."""
        if distributed.asked_to_stop():
            raise BrokenOff

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell what the validation gave, and stop where it has gained nothing for long."""
        row = history(state)[-1]
        now = time.monotonic()
        self.last = now
        log.info(
            "%s: step %d/%d, loss %.4f, validation %.4f (%.1f/s)",
            self.what, row["step"], self.steps, row["train_loss"], row["validation_loss"],
            (state.global_step - self.first_step) / max(now - self.start, 1e-9),
        )  # fmt: skip
        if self._is_patience_over(state):
            log.info("%s: stops early, %s validations without gain", self.what, self.patience)
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The checkpoint is whole once all have come here; leave if asked to."""
        carried = Carried(self._mean_loss(), state.global_step - self.logged, self._seconds())
        if distributed.is_first():
            mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}", carried)
        distributed.check()

    def _mean_loss(self) -> float:
        """The sum of the losses since the last row; a process has that of its own examples."""
        return distributed.mean(float(self.loss))

    def _seconds(self) -> float:
        return round(self.earlier + time.monotonic() - self.start, 3)

    def _is_patience_over(self, state: TrainerState) -> bool:
        losses = [row["eval_loss"] for row in state.log_history if "eval_loss" in row]
        if self.patience is None or not losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= self.patience


def history(state: TrainerState) -> list[dict[str, Any]]:
    """One row per validation: step, epoch, losses, learning rate and seconds since the start."""
    rows: dict[int, dict[str, Any]] = {}
    for entry in state.log_history:
        row = rows.setdefault(entry["step"], {"step": entry["step"], "epoch": entry["epoch"]})
        for ours, theirs in [
            ("train_loss", "loss"),
            ("validation_loss", "eval_loss"),
            ("learning_rate", "learning_rate"),
            ("seconds", "seconds"),
        ]:
            if theirs in entry:
                row[ours] = entry[theirs]
    return [row for row in rows.values() if "validation_loss" in row]


def _validated(state: TrainerState) -> bool:
    return any(row["step"] == state.global_step and "eval_loss" in row for row in state.log_history)
