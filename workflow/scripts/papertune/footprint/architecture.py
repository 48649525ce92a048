"""What a decoder is made of: sizes, modules and numbers of parameters."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear module of each layer: its path in the layer, and its sizes."""

    path: str
    inputs: int
    outputs: int
    bias: bool = False

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.inputs * self.outputs + self.bias * self.outputs


@dataclass(frozen=True, slots=True)
class Architecture:
    """A decoder, with its sizes and what of it decides how much memory it takes."""

    family: str  # ``model_type`` of its config.json
    stem: str  # where its layers are: ``model.layers``
    layers: int
    width: int  # of the hidden states
    heads: int  # of the queries
    kv_heads: int  # of keys and values
    head_dim: int
    intermediate: int  # width inside of the feed-forward part
    vocabulary: int  # rows of the token embedding
    context: int  # most tokens; 0 where it says none
    tied: bool  # the head is the token embedding
    linears: tuple[Linear, ...]  # of each layer
    norms: int  # parameters of the norms of a layer
    around: int  # parameters besides layers, token embedding and head
    layer_norms: int = 2  # norms of hidden states in a layer
    rms: bool = True  # they are RMS norms, which transformers computes in steps
    head_norms: bool = False  # queries and keys have norms of their own
    gated: bool = True  # the feed-forward part has a gate
    activation: str = "silu"
    residual_dropout: bool = False
    attention_dropout: bool = False
    whole_scores: bool = False  # attention keeps the scores of every pair of places
    capped: bool = False  # a tanh caps the logits
    exact: bool = True  # numbers of parameters are those of the model, not a guess

    @property
    def embedding(self) -> int:
        """Parameters of the token embedding, and as many of a head of its own."""
        return self.vocabulary * self.width

    @property
    def layer(self) -> int:
        """Parameters of a layer."""
        return sum(linear.parameters for linear in self.linears) + self.norms

    @property
    def head(self) -> int:
        """Parameters of the head that are not those of the embedding."""
        return 0 if self.tied else self.embedding

    @property
    def parameters(self) -> int:
        """All of them, each counted once."""
        return self.embedding + self.layers * self.layer + self.around + self.head

    @property
    def largest(self) -> int:
        """Parameters of the largest tensor."""
        return max(self.embedding, *(linear.parameters for linear in self.linears))

    @property
    def note(self) -> str:
        """What of an estimate is a guess; empty where nothing is."""
        name = self.family or "this architecture"
        return "" if self.exact else f" ({name} is not known: a generous guess)"

    def adapted(self, targets: str | list[str]) -> tuple[Linear, ...]:
        """The linear modules of a layer that adapters are on, as peft reads ``target_modules``."""
        if targets == "all-linear" or not self.exact:
            return self.linears

        def chosen(path: str) -> bool:
            if isinstance(targets, str):
                return bool(re.fullmatch(targets, f"{self.stem}.0.{path}"))
            return f".{path}".endswith(tuple(f".{target}" for target in targets))

        return tuple(linear for linear in self.linears if chosen(linear.path))
