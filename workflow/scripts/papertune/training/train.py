"""Training on pairs: one function for every method."""

from __future__ import annotations

import shutil
from pathlib import Path

from papertune.examples.forms import Form, packed_row, read_examples
from papertune.jobs import distributed
from papertune.models.loading import context_of, load_tokenizer, set_up_torch
from papertune.models.modelfolder import generation_defaults, model_folder, write_facts
from papertune.models.quantization import write_quantization
from papertune.records import Pair, read_records
from papertune.study.recipe import Recipe
from papertune.study.settings import Answering
from papertune.training.by_answers import judge_of
from papertune.training.fitting import fit
from papertune.training.methods import check, prepare
from papertune.training.smaller_batch import memory_for
from papertune.training.subsets import choose


def train(
    recipe: Recipe,
    *,
    train: Path,
    validation: Path,
    base: Path,
    seed: int,
    output: Path,
    checkpoints: Path,
    threads: int,
    embedder: Path | None = None,
) -> None:
    """Adapt a base to pairs and write the model folder, whole or not at all, without any names.

    Where several processes train (see :mod:`papertune.jobs.team`), all of them call it and one writes.

    The loss counts the answer and the end token only, unless ``recipe.examples`` says
    otherwise. Methods given the same settings share data, order, batch, steps and seed.

    Args:
        recipe: How.
        train: JSONL of the pairs to train on.
        validation: JSONL of the pairs that choose the checkpoint.
        base: Folder of the base.
        seed: Of order and of new weights.
        output: The model folder to make; one that is there is replaced.
        checkpoints: Undeclared folder of this run; removed after success.
        threads: CPU threads.
        embedder: Folder of an embedder from the Hub, where the recipe needs one.

    Raises:
        TrainingError: unknown method, something that the base or this machine does not have,
            nothing to train on, a loss that is no number or far above where it began, or not enough
            memory.
    """
    train, validation, base = map(Path, (train, validation, base))
    output, checkpoints = map(Path, (output, checkpoints))
    set_up_torch(threads, seed)
    check(recipe)
    training, examples = recipe.training, recipe.examples
    sharded = recipe.sharded and distributed.size() > 1
    pairs = {path: list(read_records(path, Pair)) for path in (train, validation)}
    chosen = {**pairs, train: choose(pairs[train], recipe.subset, str(train))}
    tokenizer = load_tokenizer(base)
    what = f"{output.parent.name}/{output.name}"
    with memory_for("the base", where=what):
        model = prepare(base, recipe, device="cpu" if sharded else None)
    longest = min(training.max_length, context_of(model.config) or training.max_length)
    read = {
        path: read_examples(tokenizer, some, recipe.prompt, examples, max_length=longest)
        for path, some in chosen.items()
    }
    facts = fit(
        model,
        tokenizer,
        train=read[train],
        validation=read[validation],
        training=training,
        seed=seed,
        checkpoints=checkpoints,
        what=what,
        packed=packed_row(examples, longest),
        judge=judge_of(
            training,
            Form(tokenizer, examples.asked, recipe.prompt),
            pairs[validation],
            folder=checkpoints,
            embedder=recipe.embedder,
            embedder_folder=embedder,
            threads=threads,
        ),
        sharded=sharded,
    )
    if not distributed.is_first():
        return
    facts = {"method": recipe.method, **facts, "read": examples.model_dump()}
    facts |= {part: settings.model_dump() for part, settings in recipe.parts.items()}
    if recipe.subset:
        facts["subset"] |= {"pairs": len(chosen[train]), "of": len(pairs[train])}
    if hasattr(model, "peft_config"):
        # a quantised weight holds several parameters in one number
        facts["total_parameters"] = model.get_nb_trainable_parameters()[1]
    facts["asked"] = {"form": examples.asked, "template": recipe.prompt}
    with model_folder(output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        generation_defaults(model, tokenizer, Answering()).save_pretrained(folder)
        if recipe.method == "qlora":
            write_quantization(folder, recipe.quantization)
        write_facts(folder, facts)
    shutil.rmtree(checkpoints, ignore_errors=True)
