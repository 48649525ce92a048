"""Settings of models, and of the training of models and bases."""

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
# form in which a model is asked → the plainest variant of training examples in this form
ASKED: dict[Asked, str] = {"prompt": "prompt_qa", "question": "qa", "chat": "chat"}
# an automatic baseline is named after its base and form, base.form; other names have no dot
MODEL_NAME = rf"{NAME[:-1]}(?:\.(?:{'|'.join(ASKED)}))?$"
ModelName = Annotated[str, Like(re.compile(MODEL_NAME), NAMED)]

Beta = Annotated[float, Field(ge=0, lt=1)]


class Training(Settings):
    """Hyperparameters of one run; every method and pre-training use the same ones."""

    epochs: float = Field(3.0, gt=0, description="passes over the training examples")
    max_steps: int = Field(-1, description="number of updates, in place of epochs; -1 or 0: unused")
    batch_size: int = Field(8, ge=1, description="examples per batch, over all devices")
    accumulation: int = Field(1, ge=1, description="batches per optimiser update")
    learning_rate: float = Field(5e-5, gt=0, description="peak learning rate of the optimiser")
    optimizer: Literal[
        "adamw", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "adafactor", "sgd"
    ] = added("adamw", description="optimiser; 8-bit, paged: of bitsandbytes, paged on a GPU only")
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = Field(
        "linear", description="learning-rate schedule after warm-up; constant: without warm-up"
    )
    warmup: float = Field(
        0.0, ge=0, description="warm-up: a fraction of the updates, or their number from 1 on"
    )
    weight_decay: float = Field(
        0.0, ge=0, description="decoupled weight decay, of matrices only; 0: none"
    )
    betas: tuple[Beta, Beta] = Field(
        (0.9, 0.999), description="AdamW's decay rates of the moment estimates"
    )
    clip: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    max_length: int = Field(
        1024, ge=8, description="most tokens of an example; the end of a longer context is cut"
    )
    order: Literal["shuffled", "given"] = Field(
        "shuffled",
        description="order of the examples: shuffled by the seed, or as given in the file",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="numeric precision; auto: bf16 where the device is faster in it, else fp32",
    )
    gradient_checkpointing: bool = cosmetic(False, description="saves memory and takes more time")
    compile: Literal["auto"] | bool = cosmetic(
        "auto", description="compile layers first; auto: in long runs of all weights on a GPU"
    )
    evaluations: int = Field(10, ge=1, description="validations per run, evenly spaced")
    patience: int | None = Field(
        None, ge=1, description="early stopping after so many validations without gain; null: none"
    )
    best_by: Literal[
        "validation_loss", "similarity", "bleu", "corpus_bleu", "rouge_l", "token_f1",
        "exact_match", "teacher_forced_bleu",
    ] | Annotated[str, Field(pattern=rf"^similarity@{NAME[1:]}")] = added(
        "validation_loss", description="criterion of the best checkpoint and of patience"
    )  # fmt: skip
    best_sample: int = added(
        64, ge=1, description="validation pairs answered per validation, if best_by is a metric"
    )
    best_new_tokens: int = added(64, ge=1, description="most tokens of an answer for best_by")
    find_batch: bool = cosmetic(
        True, description="compute an update in smaller parts where memory runs out"
    )
    divergence: float | None = cosmetic(
        3.0, gt=1, description="fail above this multiple of the untrained model's loss; null: never"
    )

    @property
    def judge(self) -> str | None:
        """Name of the embedder that chooses the checkpoint; empty: the first one, None: none."""
        own, _, name = self.best_by.partition("@")
        return name if own == "similarity" else None

    def identity(self) -> dict[str, Any]:
        """The identity without settings that others make ineffective."""
        unused = {
            "epochs": self.max_steps > 0,
            "warmup": self.schedule == "constant",
            "betas": self.optimizer in ("adafactor", "sgd"),
            "best_sample": self.best_by == "validation_loss",
            "best_new_tokens": self.best_by in ("validation_loss", "teacher_forced_bleu"),
        }
        values = {k: value for k, value in super().identity().items() if not unused.get(k)}
        # the recipe has the embedder itself; its name here is a label
        return values | ({} if self.judge is None else {"best_by": "similarity"})

    @field_validator("warmup")
    @classmethod
    def _whole_updates(cls, warmup: float) -> float:
        if warmup > 1 and not warmup.is_integer():
            raise ValueError("below 1 it is a fraction of the updates, from 1 on a whole number")
        return warmup


class ExampleForm(Settings):
    """A dataset variant: how pairs become texts, which tokens the loss counts, how rows are packed.

    ``prompt_qa``: the experiment's prompt, then the answer. ``qa``: the question alone, then the
    answer. ``answer``: the answer as a text of its own. ``separate``: question and answer as two
    texts. ``chat``: the prompt as a user's turn and the answer as the model's, in the chat template
    of the base's tokenizer.
    """

    variant: Literal["prompt_qa", "qa", "answer", "separate", "chat"] = Field(
        "prompt_qa",
        description=(
            "what training reads of a pair: prompt and answer, question and answer, the "
            "answer alone, both as texts of their own, or turns of a chat"
        ),
    )
    loss: Literal["answer", "all"] = Field(
        "answer", description="tokens that the loss counts; texts without a prompt count whole"
    )
    packing: Literal["none", "whole", "blocks"] = Field(
        "none",
        description="whole: the examples of a batch share rows, each with attention of its own; "
        "blocks: the texts are joined and cut into blocks, which then are the examples",
    )
    length: int | None = Field(None, ge=8, description="tokens per row or block; null: max_length")

    @property
    def asked(self) -> Asked:
        """The form in which a model is asked: that of its training, else the prompt."""
        return next(
            (form for form, plainest in ASKED.items() if plainest == self.variant), "prompt"
        )

    @model_validator(mode="after")
    def _length_of_something(self) -> Self:
        if self.length is not None and self.packing == "none":
            raise ValueError("length is for packed rows or blocks; set packing to whole or blocks")
        return self


class Lora(Settings):
    """Low-rank adapters (Hu et al. 2021)."""

    rank: int = Field(16, ge=1, description="rank of the adapters' matrices")
    alpha: int = Field(
        32, ge=1, description="scale of the adapters: their product is multiplied by alpha / rank"
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="probability of dropout on the adapters' input"
    )
    target_modules: str | list[str] = Field(
        "all-linear",
        description=(
            "layers that get adapters: all-linear (all but the head), a list of names, or a "
            "regular expression over module names"
        ),
    )

    @field_validator("target_modules")
    @classmethod
    def _is_a_pattern(cls, targets: str | list[str]) -> str | list[str]:
        try:
            re.compile(targets if isinstance(targets, str) else "")
        except re.error as error:
            said = f"not a regular expression ({error}); for names, write a list: [q_proj]"
            raise ValueError(said) from None
        return targets


class Quantization(Settings):
    """4-bit quantization of the base's weights for ``qlora`` (Dettmers et al. 2023)."""

    type: Literal["nf4", "fp4"] = Field(
        "nf4", description="data type of 4-bit weights: normal float (nf4) or float (fp4)"
    )
    double: bool = Field(True, description="quantize the quantization constants, too")


class Freeze(Settings):
    """The frozen part of the base: layers of the decoder, counted from 0, or named modules."""

    some_of = ("first", "last", "layers", "modules")
    first: int = Field(0, ge=0, description="number of frozen layers nearest to the input")
    last: int = Field(0, ge=0, description="number of frozen layers nearest to the output")
    layers: list[Annotated[int, Field(ge=0)]] = Field([], description="frozen layers by number")
    modules: list[str] = Field([], description="frozen modules by name, with their submodules")


class Subset(Settings):
    """Which training documents' pairs are used; a document's pairs stay together."""

    one_of = ("top", "first", "fraction")
    top: int | None = Field(None, ge=1, description="number of documents, highest scores first")
    first: int | None = Field(None, ge=1, description="number of documents, in the order of pairs")
    fraction: float | None = Field(None, gt=0, lt=1, description="share of documents, by id hash")


PARTS = tuple(dict.fromkeys(part for method in METHODS.values() for part in method.uses))


class Model(Settings):
    """A named (base, method, hyperparameters, dataset). ``training`` overrides the experiment's.

    ``sweep`` is resolved earlier (:mod:`papertune.study.settings.notation`) and empty here.
    """

    model_config = ConfigDict(json_schema_extra=_base_and_method_or_after)

    label: str = cosmetic("", description="name in tables and figures; empty: made from the key")
    after: str = Field("", description="the model whose settings this one inherits and changes")
    base: Name = Field(description="a name in bases")
    method: MethodName = Field(description="how the base is adapted; baseline trains nothing")
    dataset: Writers = Field(
        "", description="one or several generators; empty: the experiment's dataset"
    )
    union: HowMany | None = added(
        None, description="pairs of each of several generators; null: the experiment's union"
    )
    subset: Subset | None = Field(
        None, description="which of the training documents' pairs train; null: all"
    )
    examples: ExampleForm = added(ExampleForm(), description="what training reads of a pair")
    training: Training = Field(
        Training(), description="hyperparameters of this model in place of the shared ones"
    )
    lora: Lora = Field(Lora(), description="settings of the low-rank adapters, of lora and qlora")
    quantization: Quantization = Field(
        Quantization(), description="4-bit quantization of the base, of qlora"
    )
    freeze: Freeze | None = Field(
        None, description="the frozen part of the base, of freeze; null: none"
    )
    sweep: dict[str, list[Any]] = Field({}, description="key → values; a model per combination")
    seeds: Seeds = Field([], description="seeds of its repetitions; empty: the experiment's")

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
