"""Settings of bases, of training and of answering."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from papertune.settings.base import Name, Settings, added, cosmetic
from papertune.settings.variants import Variant


class Training(Settings):
    """Hyperparameters of one run; every method and pre-training use the same ones."""

    epochs: float = Field(3.0, gt=0)
    max_steps: int = Field(-1, description="stops earlier or later than epochs if positive")
    batch_size: int = Field(8, ge=1, description="examples per device and step")
    accumulation: int = Field(1, ge=1, description="steps per optimiser update")
    learning_rate: float = Field(5e-5, gt=0)
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup: float = Field(0.0, ge=0, lt=1, description="fraction of the updates")
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    max_length: int = Field(
        1024, ge=8, description="tokens per example; longer ones are cut on the left"
    )
    order: Literal["shuffled", "given"] = "shuffled"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    evaluations: int = Field(10, ge=1, description="validations per run, evenly spaced")
    patience: int | None = Field(
        None, ge=1, description="stop after so many validations without gain"
    )


class Lora(Settings):
    """Low-rank adapters (Hu et al. 2021)."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class Tokenizer(Settings):
    """Trained on the base's own pre-training texts."""

    kind: Literal["bpe", "characters"] = "bpe"
    vocabulary: int = Field(1536, ge=64, description="tokens, specials included; bpe only")


class Architecture(Settings):
    """A decoder from scratch."""

    family: Literal["gpt2", "llama"] = "llama"
    width: int = Field(64, ge=8)
    layers: int = Field(2, ge=1)
    heads: int = Field(2, ge=1)
    intermediate: int = Field(160, ge=8)
    activation: Literal["relu", "gelu", "silu"] = "relu"
    context: int = Field(256, ge=32, description="tokens")
    init_std: float = Field(0.02, gt=0)

    @model_validator(mode="after")
    def _heads_divide(self) -> Architecture:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self


class Corpus(Settings):
    """What a base from scratch reads: the training documents only, and files of one's own.

    ``plain``: the text as it is. ``recall``: text and the beginning of a sentence as prompt, the
    rest of the sentence as completion. ``none``: files only. Files are JSONL with ``text``, or
    ``prompt`` and ``completion``.
    """

    documents: Literal["plain", "recall", "none"] = "plain"
    files: list[str] = []
    loss: Literal["completion", "all"] = "completion"


class Pretraining(Settings):
    """How a base is made here from scratch."""

    tokenizer: Tokenizer = Tokenizer()
    architecture: Architecture = Architecture()
    corpus: Corpus = Corpus()
    training: Training = Training()
    seed: int = 1


class Base(Settings):
    """Exactly one of: a Hub id with its revision, a local folder, a base pre-trained here."""

    hub: str = ""
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$")
    path: str = ""
    pretrain: Pretraining | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Base:
        if sum([bool(self.hub), bool(self.path), self.pretrain is not None]) != 1:
            raise ValueError("a base has exactly one of hub, path, pretrain")
        if self.hub and not self.revision:
            raise ValueError(
                "a Hub base needs revision: the 40 hex digits of a commit, so that it stays the same"
            )
        return self


class Model(Settings):
    """A named (base, method, hyperparameters, dataset). ``training`` overrides the experiment's."""

    label: str = cosmetic("")
    base: Name
    method: Literal["baseline", "full", "lora"]
    dataset: str = Field("", description="a generator; the experiment's dataset where it is empty")
    examples: Variant = added(Variant(), description="what training reads of a pair")
    training: dict[str, Any] = {}
    lora: Lora = Lora()
    seeds: list[int] = cosmetic([], description="the experiment's seeds where it is empty")


class Answering(Settings):
    """How models answer. Temperature 0 is greedy."""

    max_new_tokens: int = Field(64, ge=1)
    temperature: float = Field(0.0, ge=0)
    batch_size: int = cosmetic(32, ge=1)
