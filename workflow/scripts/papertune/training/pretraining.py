"""Pre-train a base from scratch: its tokenizer, random weights and training on texts."""

import math
import shutil
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError
from papertune.examples.tokens import encode, labelled
from papertune.identity import share
from papertune.jobs import distributed, stopping
from papertune.models.loading import device_name, in_one_step, set_up_torch
from papertune.models.modelfolder import model_folder, write_facts
from papertune.study.settings import Architecture, Pretraining, Tokenizer
from papertune.study.tracking import Tracking
from papertune.training.data import Text, read_corpus
from papertune.training.train import Run, fit

SPECIALS = {"bos": "<s>", "eos": "</s>", "pad": "<pad>"}
HELD_OUT = 0.02  # share of the texts held out to choose the checkpoint
MOST_HELD_OUT = 64


@distributed.shared
def pretrain(
    base: Pretraining,
    *,
    documents: list[Path],
    files: list[Path],
    output: Path,
    checkpoints: Path,
    threads: int,
    sharded: bool = False,
    tracking: Tracking | None = None,
) -> None:
    """Train a tokenizer and a decoder from random weights; writes the model folder atomically.

    ``documents`` and ``files`` of texts are JSONL; for the other arguments see
    :func:`papertune.training.train.train`.

    Raises:
        TrainingError: there is no text, or a loss is not a number.
    """
    set_up_torch(threads, base.seed)
    texts = list(read_corpus(base.corpus, documents, files))
    if not texts:
        hint = "pretrain.corpus of this base must name documents or files with texts"
        raise TrainingError("no pre-training texts", where=output.name, hint=hint)
    tokenizer = make_tokenizer(texts, base.tokenizer, base.architecture.context)
    sharded = sharded and distributed.size() > 1
    model = make_model(base.architecture, tokenizer).to("cpu" if sharded else device_name())
    longest = min(base.training.max_length, base.architecture.context)
    train, validation = (
        labelled(tokenizer, encode(tokenizer, some), max_length=longest, loss=base.corpus.loss)
        for some in _held_out(texts, last=base.training.order == "given")
    )
    facts = fit(
        model, tokenizer, train=train, validation=validation, training=base.training,
        seed=base.seed, run=Run(checkpoints, output.name, tracking), sharded=sharded,
    )  # fmt: skip
    if not distributed.is_first():
        return
    with model_folder(output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_facts(folder, {"method": "pretrain", **facts, "settings": base.model_dump()})
    shutil.rmtree(checkpoints, ignore_errors=True)


def _held_out(texts: list[Text], *, last: bool) -> tuple[list[Text], list[Text]]:
    """Split texts into training texts and held-out texts, which choose the checkpoint.

    If the order is given, the last texts are the goal of the training, so they are held out.
    """
    count = min(MOST_HELD_OUT, math.ceil(HELD_OUT * len(texts)))
    by_chance = sorted(range(len(texts)), key=lambda i: share(str(i), "held out"))
    held = set(range(len(texts) - count, len(texts)) if last else by_chance[:count])
    return [text for i, text in enumerate(texts) if i not in held], [texts[i] for i in sorted(held)]


@stopping.at_once()
def make_tokenizer(texts: list[Text], tokenizer: Tokenizer, context: int) -> Any:
    """Train a tokenizer on the texts; it can encode any string."""
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Trained
    from transformers import PreTrainedTokenizerFast

    specials = list(SPECIALS.values())
    letters = pre_tokenizers.ByteLevel.alphabet()
    core = Trained(models.BPE())
    core.decoder = decoders.ByteLevel()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if tokenizer.kind == "characters":
        # the alphabet of bytes without merges: every character is one token or a few bytes
        core.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(r"."), "isolated"), byte_level]
        )
        size = len(letters) + len(specials)
    else:
        core.pre_tokenizer = byte_level
        size = max(tokenizer.vocabulary, len(letters) + len(specials))
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=letters, show_progress=False
    )
    core.train_from_iterator(map("".join, texts), trainer)
    named = {f"{kind}_token": token for kind, token in SPECIALS.items()}
    return PreTrainedTokenizerFast(
        tokenizer_object=core, model_max_length=context, clean_up_tokenization_spaces=False, **named
    )


def make_model(architecture: Architecture, tokenizer: Any) -> Any:
    """Make a decoder with random weights and tied embeddings."""
    from transformers import AutoConfig, AutoModelForCausalLM

    tokens = {f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id") for kind in SPECIALS}
    config = AutoConfig.for_model(
        architecture.family, vocab_size=len(tokenizer), initializer_range=architecture.init_std,
        **tokens, **architecture.config,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    in_one_step(model)
    return model
