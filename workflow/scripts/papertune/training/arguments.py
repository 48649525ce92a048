"""What the Trainer of transformers is told of a run."""

from pathlib import Path

from transformers import TrainingArguments

from papertune.errors import TrainingError
from papertune.models.loading import device_name, dtype_of
from papertune.study.settings import Training

# what the Trainer calls by another name
OPTIMIZERS = {"adamw": TrainingArguments.default_optim, "adamw_8bit": "adamw_bnb_8bit"}


class OneDevice(TrainingArguments):
    """A process trains on one GPU, though it may see several: each GPU has a process of its own.

    The Trainer would share out each batch to all that it sees, and so make another batch of it.
    """

    @property
    def n_gpu(self) -> int:
        """How many GPUs this process uses."""
        return min(1, int(super().n_gpu))


def training_arguments(
    training: Training,
    *,
    steps: int,
    batch: int,
    accumulation: int,
    seed: int,
    checkpoints: Path,
    what: str,
) -> TrainingArguments:
    """The update, its schedule, and how it is computed.

    Args:
        steps: Updates of the whole run.
        batch: Examples that this process computes at once.
        accumulation: So many of which make its part of an update.
        seed: Of the order.
        checkpoints: Folder for them.
        what: Names the run in the error.

    Raises:
        TrainingError: the learning rate would rise over all updates of the run or more.
    """
    on_gpu, warmup = device_name() == "cuda", training.warmup
    if warmup >= steps:
        raise TrainingError(
            f"a warm-up of {warmup:.0f} updates, and the run has {steps}",
            where=what,
            hint="lower training.warmup, or give it as a fraction below 1",
        )
    return OneDevice(
        output_dir=str(checkpoints),
        # the update
        max_steps=steps,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulation,
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
        bf16=str(dtype_of(training.precision)) == "torch.bfloat16",
        gradient_checkpointing=training.gradient_checkpointing,
        # the other kind needs inputs with a gradient, which adapters on a frozen base do not have
        gradient_checkpointing_kwargs={"use_reentrant": False},
        use_cpu=not on_gpu,
        # the next batch goes to the GPU while it computes
        dataloader_pin_memory=on_gpu,
        accelerator_config={"non_blocking": on_gpu},
        # the callback decides when to evaluate and save, and what is the best
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
