"""The callback of a run: when to validate, save and stop, and what to log."""

import logging
import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerState

from papertune.errors import TrainingError
from papertune.jobs import distributed
from papertune.study.settings import Training
from papertune.training.checkpoints import Carried, mark_whole, remove_others
from papertune.training.facts import Criterion, gpu_energy, history, where_best
from papertune.training.tracking import Teller

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 15.0
DIVERGED = 3  # validations in a row
STEADIER = "lower training.learning_rate or training.clip, or give more training.warmup"


FIRST_DRAWN, DRAWN_LATER = 200, 300  # points of the loss by step


def is_drawn(step: int, steps: int) -> bool:
    """Whether the curve of the training loss has a point at a step: each of the first steps, the
    last one, and some in between.
    """
    every = max(1, math.ceil((steps - FIRST_DRAWN) / DRAWN_LATER))
    return step <= FIRST_DRAWN or step == steps or (step - FIRST_DRAWN) % every == 0


class BrokenOff(Exception):
    """A validation was interrupted."""


# factor up to which a loss does not count as worse than guessing: with few tokens it exceeds that
# by chance, and new weights begin near it
NEARLY = 1.05


class RunCallback(TrainerCallback):
    """Decides when to validate, save and stop, and which model is the best; times and logs."""

    def __init__(
        self,
        steps: int,
        training: Training,
        what: str,
        criterion: Criterion | None = None,
        guessing: float = math.inf,
        teller: Teller | None = None,
    ) -> None:
        self.steps, self.training, self.what = steps, training, what
        self.guessing = guessing  # loss of the uniform distribution over tokens
        self.criterion = criterion or Criterion()
        self.teller = teller or Teller(None, Path())
        count = training.evaluations
        # steps with a row in the history
        self.points = {max(1, round(steps * (i + 1) / count)) for i in range(count)}
        self.carried = Carried()
        self.loss: Any = 0.0  # sum over the steps since the last row; becomes a tensor
        self.curve: list[list[float]] = []  # step, and mean training loss since the previous point
        self.recent: Any = 0.0  # sum over the steps since the curve's last point

    def go_on(self, carried: Carried) -> None:
        """Restore the state of an earlier attempt."""
        self.carried, self.curve, self.recent = carried, carried.curve, carried.recent

    def add(self, loss: Any) -> None:
        """Add the loss of a step, or of a part of one."""
        self.loss, self.recent = self.loss + loss, self.recent + loss

    def is_over(self, state: TrainerState) -> bool:
        """Whether no step is left."""
        return state.global_step >= self.steps or self._is_patience_over(state)

    def begin(self, state: TrainerState) -> None:
        """Start, or continue from ``state``."""
        rows, joules = state.log_history, self.carried.joules
        self.earlier = max(self.carried.seconds, *(row.get("seconds", 0.0) for row in rows), 0.0)
        if joules is not None:
            joules = max(joules, *(row.get("joules") or 0.0 for row in rows), 0.0)
        self.earlier_joules = joules
        self.start = self.last = time.monotonic()
        self.counted = gpu_energy()
        self.first_step = state.global_step
        self.loss, self.logged = self.carried.loss, state.global_step - self.carried.steps

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Before the first step of this attempt."""
        # other nodes may have read the state before the one just written
        for name in ("log_history", "best_metric", "best_global_step", "best_model_checkpoint"):
            setattr(state, name, distributed.of_first(getattr(state, name)))
        self.begin(state)
        self.teller.begin(args, state, control, more.get("model"))
        distributed.check()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Decide what to do after the step."""
        due, asked = state.global_step in self.points, distributed.asked_to_stop()
        if is_drawn(state.global_step, self.steps):
            before = self.curve[-1][0] if self.curve else 0
            mean = distributed.mean(float(self.recent)) / (state.global_step - before)
            self.curve.append([state.global_step, mean])
            self.recent = 0.0
            self.teller.loss(mean, more.get("lr_scheduler"))
        control.should_log = control.should_evaluate = due
        control.should_save = due or asked
        now = time.monotonic()
        if now - self.last >= PROGRESS_SECONDS and not due:
            self.last = now
            self._check_number("loss", float(self.loss), state)
            log.info(
                "%s: step %d/%d (%s)", self.what, state.global_step, self.steps, self._rate(state)
            )

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Complete a row of the history and check its losses."""
        row = state.log_history[-1]
        row["seconds"], row["joules"] = self._seconds(), self._joules()
        if "loss" in row:
            # each process has the loss of its own examples
            mean = distributed.mean(float(self.loss))
            row["loss"] = mean / (state.global_step - self.logged)
            self.loss, self.logged = 0.0, state.global_step
        for key in ("loss", "eval_loss", "grad_norm"):
            if key in row:
                self._check_number(key, row[key], state)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Interrupt a validation; not before its first batch, which draws a random number."""
        if distributed.asked_to_stop():
            raise BrokenOff

    def on_evaluate(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Log the validation's result and keep the best; stop if it has not improved for long."""
        best = self.criterion.best(state.log_history)
        if best is not None and best["step"] == state.global_step:
            state.best_metric, state.best_global_step = best[self.criterion.key], best["step"]
        rows, self.last = history(state.log_history, self.criterion), time.monotonic()
        self.teller.tell(more.get("metrics", {}))
        row = rows[-1]
        chosen = dict.fromkeys(("validation_loss", self.criterion.name))
        losses = ", ".join(f"{name.replace('_loss', '')} {row[name]:.4f}" for name in chosen)
        if not state.global_step:
            log.info("%s: untrained, %s", self.what, losses)
            return
        log.info(
            "%s: step %d/%d, loss %.4f, %s (%s)",
            self.what, row["step"], self.steps, row["train_loss"], losses, self._rate(state),
        )  # fmt: skip
        self._look_for_divergence(rows, state)
        self._look_for_guessing(rows, state)
        if self._is_patience_over(state):
            patience = self.training.patience
            log.info("%s: early stopping after %s validations without gain", self.what, patience)
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as complete once all processes are here; stop if requested."""
        loss, step = distributed.mean(float(self.loss)), state.global_step
        self._check_number("loss", loss, state)
        recent = distributed.mean(float(self.recent))
        spent = self._seconds(), self._joules()
        carried = Carried(loss, step - self.logged, *spent, self.curve, recent)
        if distributed.is_first():
            kept = [f"checkpoint-{step}", state.best_model_checkpoint]
            if state.best_global_step == step:
                # the previous best one remains if this one is damaged later
                former = self.criterion.best([r for r in state.log_history if r["step"] < step])
                kept.append(f"checkpoint-{former['step']}" if former else None)
            mark_whole(Path(args.output_dir, kept[0]), carried)
            # only now: until then a killed run would resume from one of them
            remove_others(Path(args.output_dir), *kept)
        distributed.check()

    def _seconds(self) -> float:
        return round(self.earlier + time.monotonic() - self.start, 3)

    def _rate(self, state: TrainerState) -> str:
        seconds = max(time.monotonic() - self.start, 1e-9)
        return f"{(state.global_step - self.first_step) / seconds:.1f}/s"

    def _joules(self) -> float | None:
        """Energy of the GPUs of all processes so far, together; None if one does not report it."""
        now = gpu_energy()
        own = math.nan if now is None or self.counted is None else now - self.counted
        used = distributed.totals(own)[0]
        if self.earlier_joules is None or math.isnan(used):
            return None
        return round(self.earlier_joules + used, 3)

    def _check_number(self, key: str, value: float, state: TrainerState) -> None:
        if math.isfinite(value):
            return
        hint = "lower training.learning_rate, or set training.precision to fp32"
        if not state.global_step:
            hint = (
                "nothing was trained yet, so the base is damaged or needs training.precision: fp32"
            )
        raise TrainingError(
            f"the {key} is {value} at step {state.global_step}; "
            f"{where_best(state, self.criterion)}",
            where=self.what,
            hint=hint,
        )

    def _look_for_divergence(self, rows: list[dict[str, Any]], state: TrainerState) -> None:
        """Fail if the training loss has stayed far above that of the untrained model.

        The validation loss also rises by overfitting, so the training loss is used. The difference
        must be at least a nat per token, so that a loss near zero may fluctuate.
        """
        untrained, *trained = rows
        last = [row["train_loss"] for row in trained[-DIVERGED:]]
        if self.training.divergence is None or not self._is_long(last, state):
            return
        first = untrained["validation_loss"]
        limit = max(self.training.divergence * first, first + 1.0)
        if self.is_over(state) and min(row["validation_loss"] for row in trained) > first:
            limit = first + 1.0
        if min(last) > limit:
            raise TrainingError(
                f"the training diverges: its loss is {last[-1]:.3g} at step {state.global_step} and "
                f"was above {limit:.3g} for {len(last)} validations; the untrained model "
                f"has {first:.3g}; {where_best(state, self.criterion)}",
                where=self.what,
                hint=f"{STEADIER}; or raise training.divergence",
            )

    def _look_for_guessing(self, rows: list[dict[str, Any]], state: TrainerState) -> None:
        """Fail if a loss is above that of random guessing.

        New weights begin above it. For them, the last step and the kept model count; earlier, a
        loss fails only if it also stays above the untrained model's. The first training loss, a
        mean since the beginning, does not count.
        """
        untrained, *trained = (row | {"train_loss": row.get("train_loss", 0.0)} for row in rows)
        begin = untrained["validation_loss"]
        new = begin > self.guessing / NEARLY
        losses = [max(row["validation_loss"], row["train_loss"]) for row in trained]
        if new:
            losses[0] = trained[0]["validation_loss"]
        above, limit = losses[-1], NEARLY * self.guessing
        if self.is_over(state):
            best = self.criterion.best(state.log_history)
            above = max(above, best["eval_loss"] if best else 0.0)
        elif new:
            above, limit = min(losses[-DIVERGED:]) if len(losses) >= DIVERGED else 0.0, begin
        if above > limit:
            raise TrainingError(
                f"a loss of {above:.3g} at step {state.global_step} is worse than guessing: "
                f"{self.guessing:.3g} with equally likely tokens (ln of the vocabulary's size), "
                f"and {begin:.3g} before training; "
                f"{where_best(state, self.criterion)}",
                where=self.what,
                hint="if it falls slowly from new weights, raise training.learning_rate or "
                f"training.epochs (max_steps); else {STEADIER}; if the training loss alone is low, "
                "lower training.epochs or training.patience",
            )

    def _is_long(self, last: list[float], state: TrainerState) -> bool:
        """Whether there are enough validations to call a state lasting."""
        return len(last) == DIVERGED or self.is_over(state)

    def _is_patience_over(self, state: TrainerState) -> bool:
        patience = self.training.patience
        return patience is not None and self.criterion.without_gain(state.log_history) >= patience
