"""The Trainer of transformers, able to leave at any step and to go on as if it had not.

Asked to stop, it ends the step it is at, writes a checkpoint and leaves. A validation is broken
off, as it may take longer than there is time; the next attempt begins with it. Where several
processes train one model, they stop together and the first of them writes.
"""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import Trainer, TrainerState

from papertune.jobs import distributed
from papertune.training.callback import BrokenOff, Watch
from papertune.training.checkpoints import STATE, carried_by
from papertune.training.smaller_batch import collect_garbage, halves, is_out_of_memory

if TYPE_CHECKING:
    from papertune.training.by_answers import Judge

log = logging.getLogger(__name__)


class StoppableTrainer(Trainer):
    """Goes on from checkpoints between two rows of the history, and from before their validation.

    Args:
        watch: The callback that decides; it is not among ``callbacks``.
        judge: Measures answers at each validation, where the best model is chosen by them.
        how: As of Trainer.
    """

    state: TrainerState

    def __init__(self, watch: Watch, judge: Judge | None = None, **how: Any) -> None:
        self.watch, self.judge = watch, judge
        super().__init__(callbacks=[watch], **how)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *arguments: Any, **how: Any) -> Any:
        """As of Trainer; the number of tokens is not for the model."""
        inputs = {name: value for name, value in inputs.items() if name != "tokens"}
        return super().compute_loss(model, inputs, *arguments, **how)

    def _track_num_input_tokens(self, inputs: dict[str, Any]) -> None:
        # counted where batches are made: the Trainer would wait for the GPU in every step, and
        # count packed rows wrongly
        self.state.num_input_tokens_seen += int(distributed.totals(inputs["tokens"])[0])

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
            return {}
        return metrics

    def evaluation_loop(self, *arguments: Any, **how: Any) -> Any:
        """As of Trainer; with what the judge says."""
        output = super().evaluation_loop(*arguments, **how)
        output.metrics.update(self.judged())
        return output

    def prediction_step(
        self, model: Any, inputs: Any, *_: Any, **__: Any
    ) -> tuple[Any, None, None]:
        """As of Trainer, the loss only."""
        with torch.no_grad(), self.compute_loss_context_manager():
            return self.validation_loss(self._prepare_inputs(inputs)), None, None

    def validation_loss(self, batch: dict[str, Any]) -> Any:
        """The mean loss of a batch's counted tokens; a batch that memory does not hold is halved."""
        try:
            return self.compute_loss(self.model, batch)
        except (RuntimeError, MemoryError) as error:
            if len(batch["labels"]) == 1 or not is_out_of_memory(error):
                raise
        collect_garbage()
        log.info("%s: a validation batch of %d is halved", self.watch.what, len(batch["labels"]))
        parts = [(count, half) for count, half in halves(batch) if count]
        losses = [self.validation_loss(half) * count for count, half in parts]
        return sum(losses) / sum(count for count, _ in parts)

    def judged(self) -> dict[str, float]:
        """What the judge says of the model, together; nothing where there is none."""
        judge = self.judge
        if judge is None:
            return {}
        mine, sums = judge.batches[distributed.rank() :: distributed.size()], [0.0] * judge.width
        self.model.eval()
        for number in range(math.ceil(len(judge.batches) / distributed.size())):
            if number < len(mine):
                with self.accelerator.autocast():
                    measured = judge.measure(self.model, mine[number])
                sums = [one + float(other) for one, other in zip(sums, measured, strict=True)]
            self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        return {judge.criterion.key: judge.value(np.array(distributed.totals(*sums)))}

    def _determine_best_metric(self, metrics: Any, trial: Any) -> bool:
        # the Trainer knows no other values that decide between equal ones
        best = self.watch.criterion.best(self.state.log_history)
        if best is None or best["step"] != self.state.global_step:
            return False
        self.state.best_metric = best[self.watch.criterion.key]
        self.state.best_global_step = self.state.global_step
        return True

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
                self._load_best_model()
        else:
            self.train(resume_from_checkpoint=str(checkpoint))
        return self.state

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(str(self.state.best_model_checkpoint))

    def _validate(self, checkpoint: Path, state: TrainerState) -> None:
        """The validation that an earlier attempt left out, written to its checkpoint."""
        self._load_from_checkpoint(str(checkpoint))
        self.state = state
        self.watch.begin(state)
        self.evaluate()
        distributed.check()
        if self._determine_best_metric(None, None):
            state.best_model_checkpoint = str(checkpoint)
        if distributed.is_first():
            temporary = checkpoint / f".{STATE}"
            state.save_to_json(str(temporary))
            os.replace(temporary, checkpoint / STATE)


def _validated(state: TrainerState) -> bool:
    return any(row["step"] == state.global_step and "eval_loss" in row for row in state.log_history)
