"""The one training loop: pre-training and every method go through :func:`fit`."""

from __future__ import annotations

import logging
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papertune.errors import TrainingError, TryAgain
from papertune.examples.packing import Collator
from papertune.examples.tokens import Examples, answer_loss
from papertune.jobs import distributed
from papertune.models.insides import bring_bitsandbytes
from papertune.models.loading import device_name
from papertune.models.modelfolder import device_label, peak_memory, versions
from papertune.study.settings import Training
from papertune.training import smaller_batch
from papertune.training.checkpoints import newest_whole
from papertune.training.history import Criterion, history

if TYPE_CHECKING:
    from papertune.training.by_answers import Judge

log = logging.getLogger(__name__)

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
    judge: Judge | None = None,
    sharded: bool = False,
) -> dict[str, Any]:
    """Train ``model`` in place and leave it at its best: by validation loss, or as a judge says.

    Where several processes train it (see :mod:`papertune.jobs.distributed`), the result is that of one;
    only the first has the best model afterwards.

    Args:
        model: In float32; its trainable parameters are trained.
        checkpoints: Folder that outlives a failed job; a run goes on from its newest whole
            checkpoint. The caller removes it after success.
        what: Names the run in the log.
        packed: Most tokens of a row that several examples of a batch share; ``None`` where each
            has a row of its own.
        judge: Chooses the best instead of the validation loss.
        sharded: Each of several processes holds a part of the model
            (:mod:`papertune.training.several.fsdp`), which comes here in the machine's memory.

    Returns:
        The facts of the run; ``history`` holds one row per validation.

    Raises:
        Interrupted: the job was asked to stop; the next attempt goes on from where it was.
        TrainingError: nothing to train or validate on, an optimiser that this machine cannot run,
            a loss that is no number or far above where it began, an update that the processes
            cannot share out, or a batch that memory does not hold.
    """
    from transformers import PrinterCallback

    from papertune.training.arguments import arguments_of
    from papertune.training.callback import Watch
    from papertune.training.several.ddp import share_out
    from papertune.training.trainer import StoppableTrainer

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
    given = share_out(training, distributed.size(), what)
    batch, accumulation = smaller_batch.remembered(checkpoints, *given)
    criterion = judge.criterion if judge else Criterion()
    # the first one deletes what is not whole
    newest = newest_whole(checkpoints) if distributed.is_first() else None
    newest = distributed.of_first(newest)
    if training.find_batch and newest is None and distributed.size() == 1:
        smaller_batch.write_start(model, checkpoints)
    cached = model.config.use_cache
    make_trainer: Any = StoppableTrainer
    if distributed.size() > 1:
        make_trainer = partial(_together(sharded), token=tokenizer.pad_token_id)
    # tied weights are saved once: nothing is missing when the best checkpoint comes back
    logging.getLogger("transformers.trainer").addFilter(
        lambda record: "['lm_head.weight']" not in record.getMessage()
    )
    while True:
        trainer = make_trainer(
            Watch(steps, training, what, criterion),
            judge=judge,
            model=model,
            args=arguments_of(
                training,
                steps=steps,
                batch=batch,
                accumulation=accumulation,
                seed=seed,
                checkpoints=checkpoints,
                what=what,
            ),
            train_dataset=train.rows,
            eval_dataset=validation.rows,
            data_collator=Collator.of(model, tokenizer.pad_token_id, packed, what),
            compute_loss_func=answer_loss,
            processing_class=tokenizer,
        )
        trainer.remove_callback(PrinterCallback)
        try:
            state = trainer.run(newest)
            break
        except (RuntimeError, MemoryError) as error:
            if not smaller_batch.is_out_of_memory(error):
                raise
            said = smaller_batch.said(error)
        # outside of the handler, whose traceback would keep the batch's memory alive
        less = smaller_batch.smaller(batch, accumulation) if training.find_batch else None
        if less is None:
            raise smaller_batch.too_large(
                said, batch, accumulation, what, finding=training.find_batch
            )
        log.warning("%s: out of memory with a batch of %d; going on with %d", what, batch, less[0])
        batch, accumulation = less
        smaller_batch.remember(checkpoints, batch, accumulation)
        if distributed.size() > 1:  # the others wait for this one
            raise TryAgain("out of memory", where=what)
        smaller_batch.let_go(trainer, model)
        del trainer
        smaller_batch.collect_garbage()
        newest = newest_whole(checkpoints)
        if newest is None:
            smaller_batch.back_to_start(model, checkpoints)
    model.config.use_cache = cached  # the Trainer turns it off, and it would be saved so
    rows = history(state.log_history, criterion)
    best = criterion.best(state.log_history) or {}
    seconds = rows[-1]["seconds"]
    energy = [row.get("joules") for row in state.log_history if "eval_loss" in row][-1]
    device = device_label()
    return {
        "steps": state.global_step,
        "planned_steps": steps,
        "best_by": criterion.name,
        "best_step": best["step"],
        "best_value": best[criterion.key],
        "best_validation_loss": min(row["validation_loss"] for row in rows),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "total_parameters": sum(p.numel() for p in model.parameters()),
        "tokens_seen": int(state.num_input_tokens_seen),
        "tokens_per_second": round(int(state.num_input_tokens_seen) / max(seconds, 1e-9), 1),
        "wall_seconds": seconds,
        "peak_memory_bytes": peak_memory(),
        "device": device,
        "processes": distributed.size(),
        "gpu_hours": 0.0 if device == "cpu" else round(distributed.size() * seconds / 3600, 6),
        "energy_joules": energy,
        "batch": {
            "size": batch,
            "accumulation": accumulation,
            "found": (batch, accumulation) != given,
        },
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


def _together(sharded: bool) -> type:
    """The Trainer of several processes."""
    if sharded:
        from papertune.training.several.fsdp import ShardedTrainer

        return ShardedTrainer
    from papertune.training.several.ddp import TogetherTrainer

    return TogetherTrainer


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
