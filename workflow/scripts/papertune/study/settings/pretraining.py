"""Settings of a base that is pre-trained here from scratch."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from papertune.study.settings.base import (
    Name,
    Settings,
    added,
)
from papertune.study.settings.models import Training


class Tokenizer(Settings):
    """A tokenizer that is trained on the base's own pre-training texts."""

    kind: Literal["bpe", "characters"] = Field(
        "bpe", description="byte-level byte-pair encoding (bpe), or one token per character"
    )
    vocabulary: int = Field(1536, ge=64, description="tokens, special ones included; bpe only")


class Architecture(Settings):
    """A decoder from scratch."""

    family: Literal["gpt2", "llama"] = Field(
        "llama", description="kind of transformer whose layers are used"
    )
    width: int = Field(64, ge=8, description="size of the hidden states")
    layers: int = Field(2, ge=1, description="number of transformer layers")
    heads: int = Field(2, ge=1, description="attention heads of each layer")
    intermediate: int = Field(160, ge=8, description="width of the feed-forward layers")
    activation: Literal["relu", "gelu", "silu"] = Field(
        "relu", description="activation function of the feed-forward layers"
    )
    context: int = Field(256, ge=32, description="most tokens that the base reads at once")
    init_std: float = Field(
        0.02, gt=0, le=1, description="standard deviation of the initial weights"
    )

    @property
    def config(self) -> dict[str, Any]:
        """The architecture under the names of a transformers configuration."""
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
            raise ValueError(f"{told}; the rotary embeddings of llama need an even number")
        return self


class Corpus(Settings):
    """The texts of pre-training: training documents (never others), files, and the training data of
    other experiments.

    ``plain``: the text as it is. ``recall``: text and the beginning of a sentence as prompt, the
    rest of the sentence as completion. ``none``: files only. Files are JSONL with ``text``, or
    ``prompt`` and ``completion``.
    """

    documents: Literal["plain", "recall", "none"] = Field(
        "plain",
        description=(
            "training documents as plain text, as recall (text and the beginning of a "
            "sentence → its rest), or none"
        ),
    )
    files: list[str] = Field(
        [], description="JSONL files of `text`, or of `prompt` and `completion`"
    )
    experiments: list[Name] = added(
        [], description="experiments whose training documents and pairs are read, this one too"
    )
    loss: Literal["completion", "all"] = Field(
        "completion", description="tokens that the loss counts: those of the completion, or all"
    )


class Pretraining(Settings):
    """How a base is pre-trained from scratch."""

    tokenizer: Tokenizer = Field(
        Tokenizer(), description="the tokenizer that is trained for the base"
    )
    architecture: Architecture = Field(Architecture(), description="shape of the transformer")
    corpus: Corpus = Field(Corpus(), description="texts that the base is pre-trained on")
    training: Training = Field(Training(), description="hyperparameters of the pre-training")
    seed: int = Field(1, description="seed of the initial weights and of the order of examples")

    @model_validator(mode="after")
    def _by_loss(self) -> Self:
        if self.training.best_by != "validation_loss":
            raise ValueError("training.best_by: in pre-training it can only be validation_loss")
        return self
