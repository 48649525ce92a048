"""The one training loop: pre-training and every method go through :func:`fit`.

Whole checkpoints only: a checkpoint counts once its marker file stands beside it, so that a run
killed while writing one goes on from the one before.
"""

from __future__ import annotations

import inspect
import logging
import math
import shutil
import time
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError
from papertune.examples import Examples, answer_loss, pad
from papertune.loading import device_name, dtype_of
from papertune.modelfolder import device_label, peak_memory, versions
from papertune.settings import Training

log = logging.getLogger(__name__)

WHOLE = "whole"  # marker file of a finished checkpoint
PROGRESS_SECONDS = 15.0


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
) -> dict[str, Any]:
    """Train ``model`` in place and leave it at its best validation loss.

    Args:
        model: In float32; its trainable parameters are trained.
        checkpoints: Folder that outlives a failed job; a run goes on from its newest whole
            checkpoint. The caller removes it after success.
        what: Names the run in the log.

    Returns:
        The facts of the run; ``history`` holds one row per validation.

    Raises:
        TrainingError: nothing to train or validate on, or a loss that is no number.
    """
    from transformers import PrinterCallback, Trainer, TrainingArguments

    if not train.rows or not validation.rows:
        which = "train" if not train.rows else "validate"
        raise TrainingError(
            f"nothing to {which} on: no example fits into {training.max_length} tokens",
            where=what,
            hint="raise training.max_length, or look at what synthesis rejected",
        )
    steps = total_steps(len(train.rows), training)
    checkpoints.mkdir(parents=True, exist_ok=True)
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=max(16, training.batch_size),
        gradient_accumulation_steps=training.accumulation,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=round(training.warmup * steps),
        weight_decay=training.weight_decay,
        adam_beta1=training.betas[0],
        adam_beta2=training.betas[1],
        max_grad_norm=training.clip,
        train_sampling_strategy="sequential" if training.order == "given" else "random",
        bf16=str(dtype_of(training.precision)) == "torch.bfloat16",
        use_cpu=device_name() == "cpu",
        seed=seed,
        eval_strategy="steps",
        eval_steps=steps,  # the callback chooses the steps
        save_steps=steps,
        logging_strategy="no",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        include_num_input_tokens_seen="non_padding",
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to="none",
    )
    decoder = model.get_base_model() if hasattr(model, "peft_config") else model
    can_keep = "logits_to_keep" in inspect.signature(decoder.forward).parameters
    watch = _watch(steps, training, what)
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=train.rows,
        eval_dataset=validation.rows,
        data_collator=lambda rows: pad(rows, tokenizer.pad_token_id, only_needed=can_keep),
        compute_loss_func=answer_loss,
        processing_class=tokenizer,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    # tied weights are saved once: nothing is missing when the best checkpoint comes back
    logging.getLogger("transformers.trainer").addFilter(
        lambda record: "['lm_head.weight']" not in record.getMessage()
    )
    trainer.train(resume_from_checkpoint=newest_whole(checkpoints))
    state = trainer.state
    rows = _history(state.log_history)
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


def total_steps(examples: int, training: Training) -> int:
    """Optimiser updates of a run."""
    if training.max_steps > 0:
        return training.max_steps
    per_epoch = math.ceil(math.ceil(examples / training.batch_size) / training.accumulation)
    return max(1, math.ceil(training.epochs * per_epoch))


def newest_whole(checkpoints: Path) -> str | None:
    """The newest finished checkpoint; half-written ones are removed."""
    found = []
    for folder in checkpoints.glob("checkpoint-*"):
        if (folder / WHOLE).exists():
            found.append((int(folder.name.rpartition("-")[2]), folder))
        else:
            log.warning("%s is not whole and is passed over", folder)
            shutil.rmtree(folder, ignore_errors=True)
    if not found:
        return None
    log.info("going on from %s", max(found)[1])
    return str(max(found)[1])


def _watch(steps: int, training: Training, what: str) -> Any:
    """The callback that chooses when to validate, times, logs and stops."""
    from transformers import TrainerCallback

    points = {
        max(1, round(steps * (i + 1) / training.evaluations)) for i in range(training.evaluations)
    }

    class Watch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.earlier = max((row.get("seconds", 0.0) for row in state.log_history), default=0.0)
            self.start = self.last = time.monotonic()
            self.first_step = state.global_step
            self.without_gain = _without_gain(state.log_history)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            due = state.global_step in points
            control.should_log = control.should_evaluate = control.should_save = due
            now = time.monotonic()
            if now - self.last >= PROGRESS_SECONDS and not due:
                self.last = now
                rate = (state.global_step - self.first_step) / (now - self.start)
                log.info("%s: step %d/%d (%.1f/s)", what, state.global_step, steps, rate)

        def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            row = state.log_history[-1]
            row["seconds"] = round(self.earlier + time.monotonic() - self.start, 3)
            for key in ("loss", "eval_loss", "grad_norm"):
                if key in row and not math.isfinite(row[key]):
                    raise TrainingError(
                        f"the {key} is {row[key]} at step {state.global_step}",
                        where=what,
                        hint="lower training.learning_rate, or set training.precision to fp32",
                    )

        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            row = _history(state.log_history)[-1]
            now = time.monotonic()
            self.last = now
            log.info(
                "%s: step %d/%d, loss %.4f, validation %.4f (%.1f/s)",
                what, row["step"], steps, row["train_loss"], row["validation_loss"],
                (state.global_step - self.first_step) / max(now - self.start, 1e-9),
            )  # fmt: skip
            self.without_gain = _without_gain(state.log_history)
            if training.patience is not None and self.without_gain >= training.patience:
                log.info("%s: stops early, %d validations without gain", what, self.without_gain)
                control.should_training_stop = True

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            (folder / WHOLE).touch()

    return Watch()


def _without_gain(log_history: list[dict[str, Any]]) -> int:
    losses = [row["eval_loss"] for row in log_history if "eval_loss" in row]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def _history(log_history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {}
    for entry in log_history:
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
