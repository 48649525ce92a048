"""Settings of models and of their bases, and how both are trained."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, field_serializer, field_validator, model_validator

from papertune.study.methods import METHODS
from papertune.study.settings.base import (
    NAME,
    NAMED,
    Like,
    Name,
    Seeds,
    Settings,
    Writers,
    added,
    cosmetic,
)


def _base_and_method_or_after(schema: dict[str, Any]) -> None:
    """A model that comes after another needs neither base nor method of its own."""
    required = schema.pop("required")
    schema["anyOf"] = [{"required": required}, {"required": ["after"]}]


if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]


HowMany = Literal["equal", "all"]
Asked = Literal["prompt", "question", "chat"]
# the form in which a model is asked → the plainest variant that is asked so
ASKED: dict[Asked, str] = {"prompt": "prompt_qa", "question": "qa", "chat": "chat"}
# of a baseline that is made by itself: base and form; other names have no dot
MODEL_NAME = rf"{NAME[:-1]}(?:\.(?:{'|'.join(ASKED)}))?$"
ModelName = Annotated[str, Like(re.compile(MODEL_NAME), NAMED)]

Beta = Annotated[float, Field(ge=0, lt=1)]


class Training(Settings):
    """Hyperparameters of one run; every method and pre-training use the same ones."""

    epochs: float = Field(3.0, gt=0)
    max_steps: int = Field(-1, description="stops earlier or later than epochs if positive")
    batch_size: int = Field(8, ge=1, description="examples per device and step")
    accumulation: int = Field(1, ge=1, description="steps per optimiser update")
    learning_rate: float = Field(5e-5, gt=0)
    optimizer: Literal[
        "adamw", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "adafactor", "sgd"
    ] = added("adamw", description="8 bit: of bitsandbytes; paged: on a GPU")
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup: float = Field(0.0, ge=0, description="fraction of the updates; from 1 on their number")
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    max_length: int = Field(
        1024, ge=8, description="tokens; of a longer example the context loses its end"
    )
    order: Literal["shuffled", "given"] = "shuffled"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    gradient_checkpointing: bool = cosmetic(False, description="less memory and more time")
    compile: Literal["auto"] | bool = cosmetic(
        "auto", description="layers are compiled first: auto in long runs of all weights on a GPU"
    )
    evaluations: int = Field(10, ge=1, description="validations per run, evenly spaced")
    patience: int | None = Field(None, ge=1, description="validations without gain, then it stops")
    best_by: Literal[
        "validation_loss", "similarity", "bleu", "corpus_bleu", "rouge_l", "token_f1",
        "exact_match", "teacher_forced_bleu",
    ] | Annotated[str, Field(pattern=rf"^similarity@{NAME[1:]}")] = added(
        "validation_loss", description="chooses the best checkpoint; patience waits for it"
    )  # fmt: skip
    best_sample: int = added(
        64, ge=1, description="validation pairs that are answered for it, where it is a metric"
    )
    best_new_tokens: int = added(64, ge=1, description="most tokens of such an answer")
    find_batch: bool = cosmetic(
        True, description="compute less of an update at once where memory does not hold it"
    )
    divergence: float | None = cosmetic(
        3.0, gt=1, description="fail where the loss stays above so many times its beginning"
    )

    @property
    def judge(self) -> str | None:
        """The name of the embedder that chooses the checkpoint, empty for the first; None for none."""
        own, _, name = self.best_by.partition("@")
        return name if own == "similarity" else None

    def identity(self) -> dict[str, Any]:
        """Without what has no effect beside the other settings."""
        unused = {
            "epochs": self.max_steps > 0,
            "warmup": self.schedule == "constant",
            "betas": self.optimizer in ("adafactor", "sgd"),
            "best_sample": self.best_by == "validation_loss",
            "best_new_tokens": self.best_by in ("validation_loss", "teacher_forced_bleu"),
        }
        values = {k: value for k, value in super().identity().items() if not unused.get(k)}
        # which embedder that is, the recipe says: its name here is a label
        return values | ({} if self.judge is None else {"best_by": "similarity"})

    @field_validator("warmup")
    @classmethod
    def _whole_updates(cls, warmup: float) -> float:
        if warmup > 1 and not warmup.is_integer():
            raise ValueError("below 1 it is a fraction of the updates, from 1 on a whole number")
        return warmup


class ExampleForm(Settings):
    """A dataset variant: which texts pairs become, what the loss counts, how batches are packed.

    ``prompt_qa``: the experiment's prompt, then the answer. ``qa``: the question alone, then the
    answer. ``answer``: the answer as a text of its own. ``separate``: question and answer as two
    texts. ``chat``: the prompt as a user's turn and the answer as the model's, in the chat template
    of the base's tokenizer.
    """

    variant: Literal["prompt_qa", "qa", "answer", "separate", "chat"] = "prompt_qa"
    loss: Literal["answer", "all"] = Field(
        "answer", description="tokens that the loss counts; texts without a prompt count whole"
    )
    packing: Literal["none", "whole", "blocks"] = Field(
        "none",
        description="whole: the examples of a batch share rows, each with attention of its own; "
        "blocks: the texts are joined and cut into blocks, which then are the examples",
    )
    length: int | None = Field(None, ge=8, description="of a row or block; else max_length")

    @property
    def asked(self) -> Asked:
        """The form in which a model is asked: that of training, else that of its base."""
        return next(
            (form for form, plainest in ASKED.items() if plainest == self.variant), "prompt"
        )

    @model_validator(mode="after")
    def _length_of_something(self) -> Self:
        if self.length is not None and self.packing == "none":
            raise ValueError("length is of packed rows or blocks; set packing: whole or blocks")
        return self


class Lora(Settings):
    """Low-rank adapters (Hu et al. 2021)."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"

    @field_validator("target_modules")
    @classmethod
    def _is_a_pattern(cls, targets: str | list[str]) -> str | list[str]:
        try:
            re.compile(targets if isinstance(targets, str) else "")
        except re.error as error:
            raise ValueError(f"no pattern ({error}); write a list of names: [q_proj]") from None
        return targets


class Quantization(Settings):
    """How ``qlora`` holds the weights of the base, in 4 bit (Dettmers et al. 2023)."""

    type: Literal["nf4", "fp4"] = "nf4"
    double: bool = Field(True, description="the quantisation's own constants are quantised too")


class Freeze(Settings):
    """What of the base stays as it is: layers of the decoder, counted from 0, or named modules."""

    some_of = ("first", "last", "layers", "modules")
    first: int = Field(0, ge=0, description="so many layers nearest to the input")
    last: int = Field(0, ge=0, description="so many layers nearest to the output")
    layers: list[Annotated[int, Field(ge=0)]] = Field([], description="single layers by number")
    modules: list[str] = Field([], description="modules by name, with all that they hold")


class Subset(Settings):
    """Which training documents' pairs are used; a document's pairs stay together."""

    one_of = ("top", "first", "fraction")
    top: int | None = Field(None, ge=1, description="so many documents of the highest score")
    first: int | None = Field(None, ge=1, description="so many, in the order of the pairs")
    fraction: float | None = Field(None, gt=0, lt=1, description="share, by hash of the document")


PARTS = tuple(dict.fromkeys(part for method in METHODS.values() for part in method.uses))


class Model(Settings):
    """A named (base, method, hyperparameters, dataset). ``training`` overrides the experiment's.

    ``sweep`` is resolved before (:mod:`papertune.study.settings.notation`) and empty by then.
    """

    model_config = ConfigDict(json_schema_extra=_base_and_method_or_after)

    label: str = cosmetic("")
    after: str = Field("", description="the model that this one is a change of")
    base: Name
    method: MethodName
    dataset: Writers = Field(
        "", description="a generator, or several; the experiment's dataset where it is empty"
    )
    union: HowMany | None = added(None, description="the experiment's union where it is null")
    subset: Subset | None = None
    examples: ExampleForm = added(ExampleForm(), description="what training reads of a pair")
    training: Training = Training()
    lora: Lora = Lora()
    quantization: Quantization = Quantization()
    freeze: Freeze | None = None
    sweep: dict[str, list[Any]] = Field({}, description="key → values; a model per combination")
    seeds: Seeds = Field([], description="the experiment's seeds where it is empty")

    @field_serializer("training")
    def _own(self, training: Training) -> dict[str, Any]:
        return training.model_dump(exclude_unset=True)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        method = METHODS[self.method]
        for part in PARTS:
            unused = getattr(self, part) == type(self).model_fields[part].get_default()
            if not unused and part not in method.uses:
                users = [name for name, other in METHODS.items() if part in other.uses]
                others = f"{', '.join(users)} {'does' if len(users) == 1 else 'do'}"
                raise ValueError(f"method {self.method} does not use {part}; {others}")
            if unused and part in method.needs:
                raise ValueError(f"method {self.method} needs {part}, which is not given")
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
    init_std: float = Field(0.02, gt=0, le=1)

    @property
    def config(self) -> dict[str, Any]:
        """Its shape under the names of transformers' configurations."""
        if self.family == "gpt2":
            names = "n_embd n_layer n_head n_inner n_positions activation_function"
            more = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        else:
            names = (
                "hidden_size num_hidden_layers num_attention_heads intermediate_size "
                "max_position_embeddings hidden_act"
            )
            more = {"num_key_value_heads": self.heads}
        sizes = (self.width, self.layers, self.heads, self.intermediate, self.context)
        shape = zip(names.split(), (*sizes, self.activation), strict=True)
        return {**dict(shape), **more, "tie_word_embeddings": True}

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        if self.family == "llama" and self.width // self.heads % 2:
            told = f"width {self.width} over heads {self.heads} is odd"
            raise ValueError(f"{told}, and llama turns the numbers of a head in pairs")
        return self


class Corpus(Settings):
    """What a base from scratch reads: the training documents only, files of one's own, and what trains
    other experiments.

    ``plain``: the text as it is. ``recall``: text and the beginning of a sentence as prompt, the
    rest of the sentence as completion. ``none``: files only. Files are JSONL with ``text``, or
    ``prompt`` and ``completion``.
    """

    documents: Literal["plain", "recall", "none"] = "plain"
    files: list[str] = []
    experiments: list[Name] = added(
        [], description="whose training documents, and pairs that train, are read; itself, too"
    )
    loss: Literal["completion", "all"] = "completion"


class Pretraining(Settings):
    """How a base is made here from scratch."""

    tokenizer: Tokenizer = Tokenizer()
    architecture: Architecture = Architecture()
    corpus: Corpus = Corpus()
    training: Training = Training()
    seed: int = 1

    @model_validator(mode="after")
    def _by_loss(self) -> Self:
        if self.training.best_by != "validation_loss":
            raise ValueError("training.best_by: in pre-training it can only be validation_loss")
        return self
