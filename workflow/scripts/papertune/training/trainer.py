"""The Trainer of transformers: its arguments, and stopping and resuming at any step.

On a request to stop, it finishes the current step, writes a checkpoint and ends. A validation is
interrupted, as it may take too long; the next attempt begins with it. Several processes that train
one model stop together, and the first one writes.

Only this module and ``several`` use internals of the Trainer and of accelerate, listed in
:data:`INSIDES`; checked with transformers 5.19 and accelerate 1.15, and tested to exist.
"""

import logging
import math
import os
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils.memory import clear_device_cache
from transformers import PrinterCallback, Trainer, TrainerState, TrainingArguments

from papertune.errors import TrainingError
from papertune.jobs import distributed, stopping
from papertune.models.loading import device_name
from papertune.models.precision import Precision
from papertune.study.settings import Training
from papertune.training import smaller_batch
from papertune.training.by_answers import AnswerScorer
from papertune.training.callback import BrokenOff, RunCallback
from papertune.training.checkpoints import STATE, carried_by
from papertune.training.head import HeadLoss, choose_attention, compile_layers, is_compiled

log = logging.getLogger(__name__)

INSIDES: dict[type, tuple[str, ...]] = {
    Trainer: (
        "_load_from_checkpoint", "_prepare_inputs", "_get_train_sampler",
        "_save_optimizer_and_scheduler", "_load_optimizer_and_scheduler",
    ),
}  # fmt: skip
# tied weights are saved once, so none is missing when the best checkpoint is loaded
logging.getLogger("transformers.trainer").addFilter(
    lambda record: "['lm_head.weight']" not in record.getMessage()
)
# arguments that the Trainer calls by another name
OPTIMIZERS = {"adamw": TrainingArguments.default_optim, "adamw_8bit": "adamw_bnb_8bit"}


class OneDevice(TrainingArguments):
    """Arguments for a process that uses one GPU even if it sees several: each has its own process.

    The Trainer would split each batch over all visible GPUs, which would change the batch.
    """

    @property
    def n_gpu(self) -> int:
        """The number of GPUs that this process uses."""
        return min(1, int(super().n_gpu))


def training_arguments(
    training: Training,
    *,
    steps: int,
    update: int,
    seed: int,
    checkpoints: Path,
    what: str,
    precision: Precision,
    begins: bool = True,
) -> TrainingArguments:
    """Make the Trainer's arguments: the update, its schedule, and how it is computed.

    Args:
        steps: Updates of the whole run.
        update: Examples of an update in this process; the collator decides how many are computed
            at once.
        precision: Of the computation; trained weights stay in fp32.
        begins: Whether nothing is trained yet: the untrained model is then validated.

    Raises:
        TrainingError: the warm-up is at least as long as the run.
    """
    on_gpu, warmup = device_name() == "cuda", training.warmup
    if warmup >= steps:
        raise TrainingError(
            f"the warm-up has {warmup:.0f} updates, but the run has {steps}",
            where=what,
            hint="lower training.warmup, or give it as a fraction below 1",
        )
    return OneDevice(
        output_dir=str(checkpoints),
        # the update
        max_steps=steps,
        per_device_train_batch_size=update,
        train_sampling_strategy="sequential" if training.order == "given" else "random",
        seed=seed,
        optim=OPTIMIZERS.get(training.optimizer, training.optimizer),
        weight_decay=training.weight_decay,
        adam_beta1=training.betas[0],
        adam_beta2=training.betas[1],
        max_grad_norm=training.clip,
        # the learning rate
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=round(warmup * steps) if warmup < 1 else int(warmup),
        # the computation
        bf16=precision.name == "bf16",
        gradient_checkpointing=training.gradient_checkpointing,
        # the reentrant kind needs inputs with a gradient; adapters on a frozen base have none
        gradient_checkpointing_kwargs={"use_reentrant": False},
        use_cpu=not on_gpu,
        # the next batch is copied to the GPU during computation
        dataloader_pin_memory=on_gpu,
        accelerator_config={"non_blocking": on_gpu},
        # the callback decides when to evaluate and save, and what is the best
        eval_on_start=begins,
        eval_strategy="steps",
        eval_steps=steps,
        save_steps=steps,
        per_device_eval_batch_size=max(16, training.batch_size),
        logging_strategy="no",
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
    )


class StoppableTrainer(Trainer):
    """Resumes from checkpoints between two rows of the history, also from before a validation.

    ``callback`` decides when to evaluate, save and stop; ``scorer`` scores answers at each
    validation, if the best model is chosen by them.
    """

    state: TrainerState
    optimizer: Any
    lr_scheduler: Any

    def __init__(
        self, callback: RunCallback, scorer: AnswerScorer | None = None, **how: Any
    ) -> None:
        self.callback, self.scorer = callback, scorer
        super().__init__(callbacks=[callback], **how)
        self.compiled = is_compiled(
            callback.training, callback.steps, adapters=hasattr(self.model, "peft_config")
        )
        self.head = None
        if device_name() == "cuda":
            self.head = HeadLoss.of(self.model, half=self.args.bf16, compiled=self.compiled)
        if self.head:
            self.compute_loss_func = self.head.loss
        if self.compiled:
            compile_layers(self.model)
        if scorer is None:
            choose_attention(how["train_dataset"], packed=how["data_collator"].limit is not None)
        self.remove_callback(PrinterCallback)

    @stopping.unhurried()  # a step and its checkpoint may take long
    def run(self, checkpoint: Path | None) -> TrainerState:
        """Train to the end, from a checkpoint if there is one; the model is then the best one.

        Raises:
            Interrupted: the job was asked to stop; a checkpoint has all progress.
            TrainingError: a loss is not a number.
        """
        if checkpoint is None:
            self.train()
        else:
            self._go_on(checkpoint)
        if distributed.is_first():
            self.load_best()
        return self.state

    def _go_on(self, checkpoint: Path) -> None:
        """Resume from a checkpoint; a validation that an earlier attempt skipped comes first."""
        self.callback.go_on(carried_by(checkpoint))
        state = TrainerState.load_from_json(str(checkpoint / STATE))
        validated = {row["step"] for row in state.log_history if "eval_loss" in row}
        if state.global_step in self.callback.points - validated:
            self._load_from_checkpoint(str(checkpoint))
            self.state = state
            self.callback.begin(state)
            self.evaluate()
            distributed.check()
            if state.best_global_step == state.global_step:
                state.best_model_checkpoint = str(checkpoint)
            if distributed.is_first():
                temporary = checkpoint / f".{STATE}"
                state.save_to_json(str(temporary))
                os.replace(temporary, checkpoint / STATE)
        self.state = state
        if not self.callback.is_over(state):  # the Trainer would take a step before it checked
            self.train(resume_from_checkpoint=str(checkpoint))

    def load_best(self) -> None:
        """Load the weights of the best checkpoint into the model."""
        self._load_from_checkpoint(str(self.state.best_model_checkpoint))

    def compute_loss(self, model: Any, inputs: dict[str, Any], *arguments: Any, **how: Any) -> Any:
        """As in Trainer; the number of tokens is not passed to the model."""
        inputs = {name: value for name, value in inputs.items() if name != "tokens"}
        with self.head.left_out() if self.head else nullcontext():
            return super().compute_loss(model, inputs, *arguments, **how)

    def training_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **how: Any) -> Any:
        """As in Trainer; loss and tokens are summed here.

        The Trainer loses the loss when it stops. It would wait for the GPU in every step to count
        tokens, and would miscount packed rows.
        """
        self.state.num_input_tokens_seen += int(distributed.totals(inputs["tokens"])[0])
        while True:
            parts = self.parts(inputs)
            try:
                loss = self._in_parts(model, parts, *rest, **how)
            except (RuntimeError, MemoryError) as error:
                fewer = smaller_batch.fewer_tokens(parts, error)
                if not fewer or not self.callback.training.find_batch:
                    raise
            else:
                self.callback.add(loss)
                return loss
            # outside the handler, whose traceback would keep the batch's memory alive
            self.data_collator.most = fewer
            smaller_batch.remember(Path(self.args.output_dir), fewer, self.callback.what)
            model.zero_grad(set_to_none=True)
            clear_device_cache(garbage_collection=True)

    def parts(self, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The parts of a batch to compute in turn; parts made before memory ran out are split."""
        return smaller_batch.parts_of(inputs, self.data_collator.most)

    def _in_parts(self, model: Any, parts: list[Any], *rest: Any, **how: Any) -> Any:
        """The loss of a step whose gradients are accumulated, and sent to other processes once."""
        loss: Any = 0.0
        for number, part in enumerate(parts, 1):
            with self.accelerator.no_sync(model) if number < len(parts) else nullcontext():
                loss = loss + super().training_step(model, part, *rest, **how)
        return loss

    def evaluate(self, *arguments: Any, **how: Any) -> dict[str, float]:
        """As in Trainer; an interrupted validation does not choose a best model."""
        with suppress(BrokenOff):
            return dict(super().evaluate(*arguments, **how))
        return self.broken_off()

    def broken_off(self) -> dict[str, float]:
        """The result of an interrupted validation: none; before the first step the job ends."""
        if not self.state.global_step:
            distributed.check()
        return {}

    def evaluation_loop(self, *arguments: Any, **how: Any) -> Any:
        """As in Trainer; with the score of the answers."""
        # shapes other than those of training would cause recompilation
        with torch.compiler.set_stance("force_eager") if self.compiled else nullcontext():
            output = super().evaluation_loop(*arguments, **how)
            output.metrics.update(self.answer_score())
        return output

    def prediction_step(
        self, model: Any, inputs: Any, *_: Any, **__: Any
    ) -> tuple[Any, None, None]:
        """As in Trainer, the loss only."""
        with torch.no_grad(), self.compute_loss_context_manager():
            return self.validation_loss(self._prepare_inputs(inputs)), None, None

    def validation_loss(self, batch: dict[str, Any]) -> Any:
        """The mean loss of a batch's counted tokens; a part too large for memory is halved."""
        parts = self.parts(batch)
        if len(parts) == 1:
            try:
                return self.compute_loss(self.model, batch)
            except (RuntimeError, MemoryError) as error:
                rows = len(batch["labels"])
                if rows == 1 or not smaller_batch.is_out_of_memory(error):
                    raise
            clear_device_cache(garbage_collection=True)
            log.info("%s: a validation batch of %d is halved", self.callback.what, rows)
            parts = smaller_batch.halves(batch)
        return smaller_batch.mean_loss(parts, map(self.validation_loss, parts))

    def answer_score(self) -> dict[str, float]:
        """The score of the model's answers, together; empty without a scorer."""
        scorer = self.scorer
        if scorer is None:
            return {}
        mine, sums = scorer.batches[distributed.rank() :: distributed.size()], [0.0] * scorer.width
        self.model.eval()
        for number in range(math.ceil(len(scorer.batches) / distributed.size())):
            if number < len(mine):
                with self.accelerator.autocast():
                    measured = scorer.measure(self.model, mine[number])
                sums = [one + float(other) for one, other in zip(sums, measured, strict=True)]
            self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        value = scorer.metric.of_cell(np.array(distributed.totals(*sums)))
        return {scorer.criterion.key: float(value)}
