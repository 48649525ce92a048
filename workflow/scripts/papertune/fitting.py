"""The one training loop: pre-training and every method go through :func:`fit`."""

from __future__ import annotations

import logging
import math
from functools import partial
from pathlib import Path
from typing import Any

from papertune import distributed
from papertune.checkpoints import newest_whole
from papertune.errors import TrainingError
from papertune.examples import Examples, answer_loss
from papertune.loading import device_name, dtype_of
from papertune.modelfolder import device_label, peak_memory, versions
from papertune.packing import Collator
from papertune.quantization import bring_bitsandbytes
from papertune.settings import Training

# the Trainer's own AdamW is its default
OPTIMIZERS: dict[str, dict[str, str]] = {
    "adamw": {},
    "adamw_8bit": {"optim": "adamw_bnb_8bit"},
    "paged_adamw_8bit": {"optim": "paged_adamw_8bit"},
    "paged_adamw_32bit": {"optim": "paged_adamw_32bit"},
    "adafactor": {"optim": "adafactor"},
    "sgd": {"optim": "sgd"},
}
PAGED = "paged_"


def fit(
    model: Any,
    tokenizer: Any,
    *,
    train: Examples,
    validation: Examples,
    training: Training,
    seed: int,
    checkpoints: Path,
    what: str,
    packed: int | None = None,
) -> dict[str, Any]:
    """Train ``model`` in place and leave it at its best validation loss.

    Where several processes train it (see :mod:`papertune.distributed`), the result is that of one;
    only the first has the best model afterwards.

    Args:
        model: In float32; its trainable parameters are trained.
        checkpoints: Folder that outlives a failed job; a run goes on from its newest whole
            checkpoint. The caller removes it after success.
        what: Names the run in the log.
        packed: Most tokens of a row that several examples of a batch share; ``None`` where each
            has a row of its own.

    Returns:
        The facts of the run; ``history`` holds one row per validation.

    Raises:
        Interrupted: the job was asked to stop; the next attempt goes on from where it was.
        TrainingError: nothing to train or validate on, an optimiser that this machine cannot run,
            a loss that is no number or far above where it began, or an update that the processes
            cannot share out.
    """
    from transformers import PrinterCallback, TrainingArguments

    from papertune.together import TogetherTrainer, share_out
    from papertune.trainer import StoppableTrainer, Watch, history

    distributed.check()
    check_optimizer(training)
    if not train.rows or not validation.rows:
        which = "train" if not train.rows else "validate"
        raise TrainingError(
            f"nothing to {which} on: no example fits into {training.max_length} tokens",
            where=what,
            hint="raise training.max_length, or look at what synthesis rejected",
        )
    steps = total_steps(len(train.rows), training)
    checkpoints.mkdir(parents=True, exist_ok=True)
    batch, accumulation = share_out(training, distributed.size(), what)
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=max(16, training.batch_size),
        gradient_accumulation_steps=accumulation,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=warmup_steps(training, steps, what),
        weight_decay=training.weight_decay,
        adam_beta1=training.betas[0],
        adam_beta2=training.betas[1],
        max_grad_norm=training.clip,
        train_sampling_strategy="sequential" if training.order == "given" else "random",
        gradient_checkpointing=training.gradient_checkpointing,
        # the other kind needs inputs with a gradient, which adapters on a frozen base do not have
        gradient_checkpointing_kwargs={"use_reentrant": False},
        **OPTIMIZERS[training.optimizer],
        bf16=str(dtype_of(training.precision)) == "torch.bfloat16",
        use_cpu=device_name() == "cpu",
        seed=seed,
        eval_strategy="steps",
        eval_steps=steps,  # the callback chooses the steps
        save_steps=steps,
        logging_strategy="no",
        save_total_limit=2,
        load_best_model_at_end=distributed.is_first(),
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        include_num_input_tokens_seen="non_padding",
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        # the next batch goes to the GPU while it computes
        dataloader_pin_memory=device_name() == "cuda",
        accelerator_config={"non_blocking": device_name() == "cuda"},
        disable_tqdm=True,
        report_to="none",
    )
    make_trainer: Any = StoppableTrainer
    if distributed.size() > 1:
        make_trainer = partial(TogetherTrainer, token=tokenizer.pad_token_id)
    trainer = make_trainer(
        Watch(steps, training, what),
        model=model,
        args=arguments,
        train_dataset=train.rows,
        eval_dataset=validation.rows,
        data_collator=Collator.of(model, tokenizer.pad_token_id, packed, what),
        compute_loss_func=answer_loss,
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    # tied weights are saved once: nothing is missing when the best checkpoint comes back
    logging.getLogger("transformers.trainer").addFilter(
        lambda record: "['lm_head.weight']" not in record.getMessage()
    )
    # the first one deletes what is not whole
    newest = newest_whole(checkpoints) if distributed.is_first() else None
    state = trainer.run(distributed.of_first(newest))
    rows = history(state)
    seconds = rows[-1]["seconds"]
    return {
        "steps": state.global_step,
        "planned_steps": steps,
        "best_step": min(rows, key=lambda row: row["validation_loss"])["step"],
        "best_validation_loss": min(row["validation_loss"] for row in rows),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "total_parameters": sum(p.numel() for p in model.parameters()),
        "tokens_seen": int(state.num_input_tokens_seen),
        "tokens_per_second": round(int(state.num_input_tokens_seen) / max(seconds, 1e-9), 1),
        "wall_seconds": seconds,
        "peak_memory_bytes": peak_memory(),
        "device": device_label(),
        "processes": distributed.size(),
        "examples": {
            "train": len(train.rows),
            "validation": len(validation.rows),
            "cut": train.cut + validation.cut,
            "rejected": train.rejected + validation.rejected,
        },
        "versions": versions(),
        "seed": seed,
        "settings": training.model_dump(),
        "history": rows,
    }


def check_optimizer(training: Training) -> None:
    """See that this machine can run the optimiser, and make it ready.

    Raises:
        TrainingError: it needs a GPU, and there is none.
    """
    if training.optimizer.startswith(PAGED) and device_name() == "cpu":
        same = training.optimizer.removeprefix(PAGED).removesuffix("_32bit")
        raise TrainingError(
            f"the optimiser {training.optimizer} pages between the memories of a GPU and of the "
            "machine, and there is no GPU here",
            where="training.optimizer",
            hint=f"take {same}, which makes the same updates without paging, or run on a GPU",
        )
    if training.optimizer.endswith("bit"):
        bring_bitsandbytes()


def total_steps(examples: int, training: Training) -> int:
    """Optimiser updates of a run."""
    if training.max_steps > 0:
        return training.max_steps
    per_epoch = math.ceil(math.ceil(examples / training.batch_size) / training.accumulation)
    return max(1, math.ceil(training.epochs * per_epoch))


def warmup_steps(training: Training, steps: int, what: str) -> int:
    """Updates over which the learning rate rises.

    Raises:
        TrainingError: they are all updates of the run or more.
    """
    if training.warmup < 1:
        return round(training.warmup * steps)
    if training.warmup >= steps:
        raise TrainingError(
            f"a warm-up of {training.warmup:.0f} updates, and the run has {steps}",
            where=what,
            hint="lower training.warmup, or give it as a fraction below 1",
        )
    return int(training.warmup)
