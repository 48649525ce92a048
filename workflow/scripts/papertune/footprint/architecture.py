"""What a decoder is made of: sizes, modules and numbers of parameters."""

from __future__ import annotations

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

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A decoder.

    Args:
        family: ``model_type`` of its config.json.
        stem: Where its layers are: ``model.layers``.
        layers: How many there are.
        width: Of the hidden states.
        heads: Of the queries.
        kv_heads: Of keys and values.
        head_dim: Width of a head.
        intermediate: Width inside of the feed-forward part.
        vocabulary: Rows of the token embedding.
        context: Most tokens; 0 where it says none.
        tied: Whether the head is the token embedding.
        linears: The linear modules of each layer.
        norms: Parameters of the norms of a layer.
        around: Parameters besides layers, token embedding and head.
        layer_norms: Norms of hidden states in a layer.
        rms: Whether they are RMS norms, which transformers computes in steps.
        head_norms: Whether queries and keys have norms of their own.
        gated: Whether the feed-forward part has a gate.
        activation: Of the feed-forward part.
        residual_dropout: Whether each part's result is dropped out in training.
        attention_dropout: Whether attention is.
        whole_scores: Whether attention keeps the scores of every pair of places.
        capped: Whether a tanh caps the logits.
        exact: Whether the numbers of parameters are those of the model, or a guess.
    """

    family: str
    stem: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    context: int
    tied: bool
    linears: tuple[Linear, ...]
    norms: int
    around: int
    layer_norms: int = 2
    rms: bool = True
    head_norms: bool = False
    gated: bool = True
    activation: str = "silu"
    residual_dropout: bool = False
    attention_dropout: bool = False
    whole_scores: bool = False
    capped: bool = False
    exact: bool = True

    @property
    def embedding(self) -> int:
        """Parameters of the token embedding, and as many of a head of its own."""
        return self.vocabulary * self.width

    @property
    def layer_linears(self) -> int:
        """Parameters of the linear modules of a layer."""
        return sum(linear.parameters for linear in self.linears)

    @property
    def layer(self) -> int:
        """Parameters of a layer."""
        return self.layer_linears + self.norms

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

    def adapted(self, targets: str | list[str]) -> tuple[Linear, ...]:
        """The linear modules of a layer that adapters are on, as peft reads ``target_modules``."""
        if targets == "all-linear" or not self.exact:
            return self.linears
        if isinstance(targets, str):
            return tuple(
                linear
                for linear in self.linears
                if re.fullmatch(targets, f"{self.stem}.0.{linear.path}")
            )
        return tuple(
            linear
            for linear in self.linears
            if any(f".{linear.path}".endswith(f".{target}") for target in targets)
        )
