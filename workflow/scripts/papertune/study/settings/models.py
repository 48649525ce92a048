"""Settings of bases, of training and of answering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field, field_serializer, field_validator, model_validator

from papertune.study.methods import METHODS
from papertune.study.settings.base import Name, Settings, added, cosmetic
from papertune.study.settings.forms import ExampleForm

# names of sizes in configurations of GPT-2, and in those of models like Llama
LIKE_LLAMA = {
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_inner": "intermediate_size",
    "n_positions": "max_position_embeddings",
    "activation_function": "hidden_act",
}


def _base_and_method_or_after(schema: dict[str, Any]) -> None:
    """A model that comes after another needs neither base nor method of its own."""
    required = schema.pop("required")
    schema["anyOf"] = [{"required": required}, {"required": ["after"]}]


class Training(Settings):
    """Hyperparameters of one run; every method and pre-training use the same ones."""

    epochs: float = Field(3.0, gt=0)
    max_steps: int = Field(-1, description="stops earlier or later than epochs if positive")
    batch_size: int = Field(8, ge=1, description="examples per device and step")
    accumulation: int = Field(1, ge=1, description="steps per optimiser update")
    learning_rate: float = Field(5e-5, gt=0)
    optimizer: Literal[
        "adamw", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "adafactor", "sgd"
    ] = added(
        "adamw", description="8 bit and paged ones are of bitsandbytes; paged ones need a GPU"
    )
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup: float = Field(
        0.0, ge=0, description="below 1 a fraction of the updates, from 1 on their number"
    )
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    max_length: int = Field(
        1024, ge=8, description="tokens per example; longer ones are cut on the left"
    )
    order: Literal["shuffled", "given"] = "shuffled"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    gradient_checkpointing: bool = cosmetic(
        False, description="less memory and more time: what layers gave is computed again"
    )
    evaluations: int = Field(10, ge=1, description="validations per run, evenly spaced")
    patience: int | None = Field(
        None, ge=1, description="stop after so many validations without gain"
    )
    best_by: Literal[
        "validation_loss",
        "similarity",
        "bleu",
        "corpus_bleu",
        "rouge_l",
        "token_f1",
        "exact_match",
        "teacher_forced_bleu",
    ] = added(
        "validation_loss",
        description="what the best checkpoint is chosen by, and what patience waits for",
    )
    best_sample: int = added(
        64, ge=1, description="validation pairs that are answered for it, where it is a metric"
    )
    best_new_tokens: int = added(64, ge=1, description="most tokens of such an answer")
    find_batch: bool = cosmetic(
        False,
        description="halve a batch that memory does not hold; the update keeps its examples",
    )
    divergence: float | None = cosmetic(
        3.0,
        gt=1,
        description="fail where the training loss stays above so many times its beginning",
    )

    def identity(self) -> dict[str, Any]:
        """Without what has no effect beside the other settings."""
        unused = {
            "epochs": self.max_steps > 0,
            "warmup": self.schedule == "constant",
            "betas": self.optimizer in ("adafactor", "sgd"),
            "best_sample": self.best_by == "validation_loss",
            "best_new_tokens": self.best_by in ("validation_loss", "teacher_forced_bleu"),
        }
        return {k: value for k, value in super().identity().items() if not unused.get(k)}

    @field_validator("warmup")
    @classmethod
    def _whole_updates(cls, warmup: float) -> float:
        if warmup > 1 and warmup != int(warmup):
            raise ValueError(
                "below 1 it is a fraction of the updates, from 1 on their whole number"
            )
        return warmup


class Lora(Settings):
    """Low-rank adapters (Hu et al. 2021)."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class Quantization(Settings):
    """How ``qlora`` holds the weights of the base, in 4 bit (Dettmers et al. 2023)."""

    type: Literal["nf4", "fp4"] = "nf4"
    double: bool = Field(True, description="the quantisation's own constants are quantised too")


class Freeze(Settings):
    """What of the base stays as it is: layers of the decoder, counted from 0, or named modules."""

    first: int = Field(0, ge=0, description="so many layers nearest to the input")
    last: int = Field(0, ge=0, description="so many layers nearest to the output")
    layers: list[int] = Field([], description="single layers by number")
    modules: list[str] = Field([], description="modules by name, with all that they hold")

    @model_validator(mode="after")
    def _something(self) -> Freeze:
        if not (self.first or self.last or self.layers or self.modules):
            raise ValueError("give at least one of first, last, layers, modules")
        if any(number < 0 for number in self.layers):
            raise ValueError("layers are counted from 0")
        return self


class Subset(Settings):
    """Which training documents' pairs are used; a document's pairs stay together."""

    top: int | None = Field(None, ge=1, description="so many documents of the highest score")
    first: int | None = Field(
        None, ge=1, description="so many documents, in the order of the pairs"
    )
    fraction: float | None = Field(None, gt=0, lt=1, description="share, by hash of the document")

    @model_validator(mode="after")
    def _one_kind(self) -> Subset:
        if sum(value is not None for value in (self.top, self.first, self.fraction)) != 1:
            raise ValueError("a subset has exactly one of top, first, fraction")
        return self


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

    @property
    def config(self) -> dict[str, Any]:
        """Its shape under the names of transformers' configurations."""
        shape: dict[str, Any] = {
            "n_embd": self.width,
            "n_layer": self.layers,
            "n_head": self.heads,
            "n_inner": self.intermediate,
            "n_positions": self.context,
            "activation_function": self.activation,
        }
        if self.family == "gpt2":
            shape |= dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        else:
            shape = {LIKE_LLAMA[name]: value for name, value in shape.items()}
            shape["num_key_value_heads"] = self.heads
        return {**shape, "tie_word_embeddings": True}

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

    @model_validator(mode="after")
    def _by_loss(self) -> Pretraining:
        if self.training.best_by != "validation_loss":
            raise ValueError(
                "training.best_by: nothing is asked of a base in pre-training; it can only be "
                "validation_loss"
            )
        return self


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


if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]
PARTS = tuple(dict.fromkeys(part for method in METHODS.values() for part in method.uses))


class Model(Settings):
    """A named (base, method, hyperparameters, dataset). ``training`` overrides the experiment's.

    ``after`` and ``sweep`` are resolved before (:mod:`papertune.study.settings.notation`): ``after`` is
    kept to tell where a trial comes from, ``sweep`` is empty by then.
    """

    model_config = ConfigDict(json_schema_extra=_base_and_method_or_after)

    label: str = cosmetic("")
    after: str = Field("", description="the model that this one is a change of")
    base: Name
    method: MethodName
    dataset: str = Field("", description="a generator; the experiment's dataset where it is empty")
    subset: Subset | None = None
    examples: ExampleForm = added(ExampleForm(), description="what training reads of a pair")
    training: Training = Training()
    lora: Lora = Lora()
    quantization: Quantization = Quantization()
    freeze: Freeze | None = None
    sweep: dict[str, list[Any]] = Field(
        {}, description="key → values; one model is made of each combination"
    )
    seeds: list[int] = Field([], description="the experiment's seeds where it is empty")

    @field_serializer("training")
    def _own(self, training: Training) -> dict[str, Any]:
        return training.model_dump(include=training.model_fields_set)

    @model_validator(mode="after")
    def _parts_fit(self) -> Model:
        method = METHODS[self.method]
        for part in PARTS:
            unused = getattr(self, part) == type(self).model_fields[part].get_default()
            if not unused and part not in method.uses:
                users = [name for name, other in METHODS.items() if part in other.uses]
                raise ValueError(
                    f"method {self.method} does not use {part}; {', '.join(users)} "
                    f"{'does' if len(users) == 1 else 'do'}"
                )
            if unused and part in method.needs:
                raise ValueError(f"method {self.method} needs {part}, which is not given")
        return self


class Answering(Settings):
    """How models answer. Temperature 0 is greedy."""

    max_new_tokens: int = Field(64, ge=1)
    temperature: float = Field(0.0, ge=0)
    batch_size: int = cosmetic(32, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _engine_is_gone(cls, values: Any) -> Any:
        if isinstance(values, dict) and "engine" in values:
            raise ValueError(
                "answering.engine is gone, models answer through transformers: remove the key; "
                "a model that a server such as vLLM runs is a generator with backend: openai"
            )
        return values
