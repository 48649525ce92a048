"""A complete training: from pairs and a base to a model folder.

:func:`train` serves every method, and :func:`fit` also pre-training. The loop is the Trainer of
transformers; other modules add what it lacks: stopping and resuming at any step (``trainer``), when
to evaluate, save and stop (``callback``), complete checkpoints, fitting batches, several processes.
"""

import logging
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from papertune.answering.generation import room_for
from papertune.errors import TrainingError
from papertune.examples.forms import Form, read_examples
from papertune.examples.packing import Collator
from papertune.examples.tokens import Examples, answer_loss
from papertune.jobs import distributed
from papertune.models.beginning import save_tokenizer
from papertune.models.loading import context_of, load_tokenizer, set_up_torch, vocabulary_of
from papertune.models.modelfolder import generation_defaults, model_folder, write_facts
from papertune.models.precision import choose
from papertune.models.quantization import write_quantization
from papertune.study.recipe import Recipe
from papertune.study.settings import Answering, Training
from papertune.study.tracking import Tracking
from papertune.training.by_answers import AnswerScorer
from papertune.training.checkpoints import newest_of_all
from papertune.training.data import choose_pairs
from papertune.training.facts import LOSS, Criterion, run_facts
from papertune.training.methods import check_optimizer, prepare
from papertune.training.smaller_batch import memory_for, memory_of, share_of, tokens_at_once

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One training: its folder of checkpoints, which outlives a failed job and is removed by the
    caller after success, its name in logs, and its tracker."""

    checkpoints: Path
    what: str
    tracking: Tracking | None = None


@distributed.shared
def train(
    recipe: Recipe,
    *,
    train: Sequence[Path],
    validation: Sequence[Path],
    base: Path,
    seed: int,
    output: Path,
    checkpoints: Path,
    threads: int,
    embedder: Path | None = None,
    tracking: Tracking | None = None,
) -> None:
    """Adapt a base to pairs and write the model folder atomically, without names of the study.

    All processes that train together call it; one writes.

    Args:
        train: Files of the training pairs, one per writer.
        validation: Files of the pairs that choose the checkpoint.
        seed: For order, dropout and new weights.
        output: The model folder to make; an existing one is replaced.
        checkpoints: Undeclared folder of this run; removed after success.
        embedder: Folder of an embedder from the Hub, if the recipe needs one.
        tracking: The tracker for losses and scores during training.

    Raises:
        TrainingError: as in :func:`fit`, or the base or this machine lacks something.
    """
    set_up_torch(threads, seed)
    check_optimizer(recipe.training)  # before anything is loaded
    what = f"{output.parent.name}/{output.name}"
    sharded = recipe.sharded and distributed.size() > 1
    tokenizer = load_tokenizer(base)
    smaller = "take method lora or qlora, a smaller base, a larger GPU or more compute.memory_mb"
    with memory_for("the base", where=what, hint=smaller):
        model = prepare(base, recipe, device="cpu" if sharded else None)
    # the model will be asked in the same form
    chosen = choose_pairs(train, recipe, recipe.subset)
    held_out = choose_pairs(validation, recipe, None).pairs
    form = Form(tokenizer, recipe.examples.asked, recipe.prompt)
    longest = min(recipe.training.max_length, context_of(model.config) or 1 << 30)
    examples, evaluated = (
        read_examples(form, some, recipe.examples, max_length=longest)
        for some in (chosen.pairs, held_out)
    )
    scorer = None
    if recipe.training.best_by != LOSS:
        room, _ = room_for(model.config, recipe.training.best_new_tokens)
        scorer = AnswerScorer(recipe, form, held_out, checkpoints, embedder, threads, room)
    facts = fit(
        model,
        tokenizer,
        train=examples,
        validation=evaluated,
        training=recipe.training,
        seed=seed,
        run=Run(checkpoints, what, tracking),
        scorer=scorer,
        sharded=sharded,
    )
    if not distributed.is_first():
        return
    facts |= {part: one.model_dump() for part, one in recipe.parts.items()}
    if recipe.subset:
        facts["subset"] |= {"pairs": len(chosen.pairs), "of": chosen.of}
    if recipe.union:
        facts["union"] = {
            "pairs": len(chosen.pairs), "of": chosen.of, "each": chosen.each, "how": recipe.union,
        }  # fmt: skip
    facts |= {
        "method": recipe.method, "read": recipe.examples.model_dump(),
        "asked": {"form": recipe.examples.asked, "template": recipe.prompt},
        "beginning": tokenizer.beginning,
    }  # fmt: skip
    with model_folder(output) as folder:
        model.save_pretrained(folder)
        save_tokenizer(tokenizer, folder)
        generation_defaults(model, tokenizer, Answering()).save_pretrained(folder)
        if recipe.in_4_bit:
            write_quantization(folder, recipe.quantization)
        write_facts(folder, facts)
    shutil.rmtree(checkpoints, ignore_errors=True)


def fit(
    model: Any,
    tokenizer: Any,
    *,
    train: Examples,
    validation: Examples,
    training: Training,
    seed: int,
    run: Run,
    scorer: AnswerScorer | None = None,
    sharded: bool = False,
) -> dict[str, Any]:
    """Train ``model`` in place; it ends as the best of the evaluated checkpoints.

    With several processes, only the first one has the best model afterwards.

    Args:
        run: Resumes from its newest complete checkpoint.
        scorer: Chooses the best by answers instead of by the validation loss.
        sharded: Each of several processes holds a shard; ``model`` is passed complete.

    Returns:
        The facts of the run; ``history`` has one row per validation, the untrained model's first,
        ``curve`` the training loss by step.

    Raises:
        Interrupted: the job was asked to stop; the next attempt resumes from there.
        TrainingError: there is nothing to train or validate on, the optimiser cannot run here,
            memory runs out, or a loss is not a number, far above the untrained model's or above
            that of guessing.
    """
    # jobs that train nothing do not load torch
    from papertune.training import trainer as alone
    from papertune.training.callback import RunCallback
    from papertune.training.tracking import Teller

    distributed.check()
    check_optimizer(training)
    checkpoints, what = run.checkpoints, run.what
    for purpose, examples in (("train", train), ("validate", validation)):
        if not examples.rows:
            why, hint = "there is no example", "give it more documents, or files with more texts"
            if examples.rejected:
                why = f"no example fits into {training.max_length} tokens"
                hint = "raise training.max_length, and architecture.context of a base from scratch"
            raise TrainingError(f"nothing to {purpose} on: {why}", where=what, hint=hint)
    update = share_of(training, distributed.size(), what)
    per_epoch = math.ceil(len(train.rows) / (update * distributed.size()))
    steps = training.max_steps if training.max_steps > 0 else math.ceil(training.epochs * per_epoch)
    criterion = scorer.criterion if scorer else Criterion()
    guessing = math.log(vocabulary_of(model.config))
    precision = choose(training.precision, model.config)
    given, most = tokens_at_once(training, context_of(model.config), checkpoints)
    collator = Collator.of(model, tokenizer.pad_token_id, train.packed, what, most)
    newest = newest_of_all(checkpoints)
    args = alone.training_arguments(
        training, steps=steps, update=update, seed=seed,
        checkpoints=checkpoints, what=what, precision=precision, begins=newest is None,
    )  # fmt: skip
    kind: type[alone.StoppableTrainer] = alone.StoppableTrainer
    if distributed.size() > 1:
        from papertune.training import several

        kind = several.ShardedTrainer if sharded else several.TogetherTrainer
    cached = model.config.use_cache
    teller = Teller(run.tracking, checkpoints)
    callback = RunCallback(steps, training, what, criterion, guessing, teller)
    with memory_of(training, what), teller:
        state = kind(
            callback,
            scorer,
            model=model,
            processing_class=tokenizer,
            train_dataset=train.rows,
            eval_dataset=validation.rows,
            data_collator=collator,
            compute_loss_func=answer_loss,
            args=args,
        ).run(newest)
    model.config.use_cache = cached  # the Trainer turns it off, and that would be saved
    facts = run_facts(model, state, criterion, callback.curve)
    if not facts["better_than_untrained"]:
        log.warning(
            "%s: training never beat the untrained model, whose %s is %.4g; the best trained model "
            "is kept, with %.4g",
            what, criterion.name.replace("_", " "), facts["untrained_value"], facts["best_value"],
        )  # fmt: skip
    return facts | {
        "planned_steps": steps,
        "precision": asdict(precision),
        "batch": {"examples": update, "tokens_at_once": collator.most, "found": collator.most != given},
        "examples": {
            "train": len(train.rows), "validation": len(validation.rows),
            "cut": train.cut + validation.cut, "rejected": train.rejected + validation.rejected,
        },
        "seed": seed,
        "settings": training.model_dump(),
    }  # fmt: skip
