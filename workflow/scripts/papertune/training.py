"""Training on pairs: one function for every method."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from papertune import distributed
from papertune.errors import TrainingError
from papertune.examples import tokenize
from papertune.fitting import fit
from papertune.loading import load_model, load_tokenizer, set_up_torch
from papertune.modelfolder import model_folder, write_facts
from papertune.prompts import answer_prompt, completion
from papertune.records import Pair, read_records
from papertune.settings import Lora, Training


def train(
    *,
    train: Path,
    validation: Path,
    base: Path,
    method: str,
    training: Training,
    lora: Lora,
    prompt: str,
    seed: int,
    output: Path,
    checkpoints: Path,
    threads: int,
) -> None:
    """Adapt a base to pairs and write the model folder, whole or not at all.

    Where several processes train (see :mod:`papertune.team`), all of them call it and one writes.

    The loss counts the answer and the end token only. Methods given the same settings share data,
    order, batch, steps and seed.

    Args:
        train: JSONL of the pairs to train on.
        validation: JSONL of the pairs that choose the checkpoint.
        base: Folder of the base.
        method: ``full`` (every weight) or ``lora`` (low-rank adapters; the folder holds these only).
        prompt: Text of the answer template.
        seed: Of order and of new weights.
        output: The model folder to make; one that is there is replaced.
        checkpoints: Undeclared folder of this run; removed after success.
        threads: CPU threads.

    Raises:
        TrainingError: unknown method, nothing to train on, or a loss that is no number.
    """
    if method not in ("full", "lora"):
        raise TrainingError(f"method {method!r} is not trained", hint="take full or lora")
    train, validation, output, checkpoints = map(Path, (train, validation, output, checkpoints))
    set_up_torch(threads, seed)
    tokenizer = load_tokenizer(base)
    # weights stay in float32; bf16 is a matter of the computation
    model = load_model(base, precision="fp32")
    longest = min(training.max_length, context_of(model))
    examples = {
        path: tokenize(
            tokenizer,
            [(answer_prompt(prompt, p), completion(p)) for p in read_records(path, Pair)],
            max_length=longest,
        )
        for path in (train, validation)
    }
    if method == "lora":
        model = with_adapters(model, lora, Path(base).name)
    facts = fit(
        model,
        tokenizer,
        train=examples[train],
        validation=examples[validation],
        training=training,
        seed=seed,
        checkpoints=checkpoints,
        what=f"{output.parent.name}/{output.name}",
    )
    if not distributed.is_first():
        return
    facts = {"method": method, **facts}
    if method == "lora":
        facts["lora"] = lora.model_dump()
    with model_folder(output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_facts(folder, facts)
    shutil.rmtree(checkpoints, ignore_errors=True)


def context_of(model: Any) -> int:
    """The largest number of tokens that a model takes at once."""
    return int(getattr(model.config, "max_position_embeddings", 0) or 1 << 30)


def with_adapters(model: Any, lora: Lora, name: str) -> Any:
    """The model frozen, with trainable low-rank adapters."""
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.target_modules,
        ),
    )
    # the name only: the same run elsewhere gives the same files
    adapted.peft_config["default"].base_model_name_or_path = name
    return adapted
