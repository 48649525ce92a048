"""Settings of bases, and of how one is pre-trained here."""

from typing import Any, Literal

from pydantic import Field, model_validator

from papertune.study.settings.base import Settings
from papertune.study.settings.models import Training

SIZES = {  # names of width, layers, heads, intermediate size and context in configurations
    "gpt2": ("n_embd", "n_layer", "n_head", "n_inner", "n_positions"),
    "llama": (
        *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
        "max_position_embeddings",
    ),
}


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
        sizes = (self.width, self.layers, self.heads, self.intermediate, self.context)
        shape: dict[str, Any] = dict(zip(SIZES[self.family], sizes, strict=True))
        if self.family == "gpt2":
            shape |= dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
            shape["activation_function"] = self.activation
        else:
            shape |= {"hidden_act": self.activation, "num_key_value_heads": self.heads}
        return {**shape, "tie_word_embeddings": True}

    @model_validator(mode="after")
    def _heads_divide(self) -> "Architecture":
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
    def _by_loss(self) -> "Pretraining":
        if self.training.best_by != "validation_loss":
            raise ValueError("training.best_by: in pre-training it can only be validation_loss")
        return self


class Base(Settings):
    """Exactly one of: a Hub id with its revision, a local folder, a base pre-trained here."""

    one_of = ("hub", "path", "pretrain")
    hub: str = ""
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$")
    path: str = ""
    pretrain: Pretraining | None = None

    @model_validator(mode="after")
    def _with_revision(self) -> "Base":
        if self.hub and not self.revision:
            raise ValueError(
                "a Hub base needs revision: a commit, 40 hex digits; it stays the same"
            )
        return self
