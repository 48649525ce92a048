"""A decoder's architecture: sizes and modules, from config.json as transformers reads it."""

import math
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from papertune.files import read_json
from papertune.models.examination import header_of
from papertune.study.settings import Architecture as FromScratch
from papertune.study.settings import Tokenizer

LLAMA_LIKE = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text")
TIED = ("gpt2", "falcon", "gemma", "gemma2", "gemma3_text")  # tied embeddings by default
# transformers' defaults for values that a config.json may omit
DEFAULTS: dict[str, dict[str, Any]] = {
    "gpt2": {"activation_function": "gelu_new", "resid_pdrop": 0.1, "attn_pdrop": 0.1},
    "falcon": {"multi_query": True, "parallel_attn": True, "activation": "gelu"}
    | {"max_position_embeddings": 2048},
    "mistral": {"num_key_value_heads": 8, "intermediate_size": 14336},
    "qwen3": {"head_dim": 128},
    "gemma": {"head_dim": 256},
    "gemma2": {"head_dim": 256, "final_logit_softcapping": 30.0},
    "gemma3_text": {"head_dim": 256},
}
# the families' names of the same size; the first one present counts
NAMES = {
    "width": ("hidden_size", "n_embd", "d_model", "dim"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "inner": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
    "context": ("max_position_embeddings", "n_positions"),
    "activation": ("hidden_activation", "hidden_act", "activation_function", "activation"),
    "noise": ("attention_dropout", "attn_pdrop"),
}
MOST = 10**15  # parameters: more than a decoder has
ALPHABET = 256 + 3  # bytes and specials: the smallest vocabulary of a base from scratch


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear module of each layer: its path within the layer, and its sizes."""

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
    """A decoder: its sizes and other properties that determine its memory."""

    family: str  # ``model_type`` of its config.json
    layers: int
    width: int  # of the hidden states
    heads: int  # of the queries
    kv_heads: int  # of keys and values
    head_dim: int
    intermediate: int  # width inside the feed-forward part
    vocabulary: int  # rows of the token embedding
    context: int  # maximum of tokens; 0 if not stated
    tied: bool  # the head is the token embedding
    activation: str
    attention_dropout: bool
    stem: str = ""  # path of the layers: ``model.layers``
    linears: tuple[Linear, ...] = ()  # of each layer
    norms: int = 0  # parameters of the norms of a layer
    around: int = 0  # parameters besides layers, token embedding and head
    layer_norms: int = 2  # norms of hidden states in a layer
    rms: bool = False  # RMS norms, which transformers computes in several steps
    head_norms: bool = False  # queries and keys have norms of their own
    gated: bool = False  # the feed-forward part has a gate
    residual_dropout: bool = False
    whole_scores: bool = False  # attention keeps the scores of every pair of positions
    capped: bool = False  # a tanh caps the logits
    exact: bool = True  # numbers of parameters are exact, not guessed

    @property
    def embedding(self) -> int:
        """Parameters of the token embedding, plus those of a head that is not tied."""
        return self.vocabulary * self.width

    @property
    def layer(self) -> int:
        """Parameters of a layer."""
        return sum(linear.parameters for linear in self.linears) + self.norms

    @property
    def head(self) -> int:
        """Parameters of the head, without those shared with the embedding."""
        return 0 if self.tied else self.embedding

    @property
    def parameters(self) -> int:
        """All parameters, each counted once."""
        return self.embedding + self.layers * self.layer + self.around + self.head

    @property
    def largest(self) -> int:
        """Parameters of the largest tensor."""
        return max(self.embedding, *(linear.parameters for linear in self.linears))

    def adapted(self, targets: str | list[str]) -> tuple[Linear, ...]:
        """The linear modules of a layer that get adapters, as peft reads ``target_modules``."""
        if targets == "all-linear" or not self.exact:
            return self.linears

        def chosen(path: str) -> bool:
            if isinstance(targets, str):
                return bool(re.fullmatch(targets, f"{self.stem}.0.{path}"))
            return f".{path}".endswith(tuple(f".{target}" for target in targets))

        return tuple(linear for linear in self.linears if chosen(linear.path))


def read_architecture(folder: str | Path) -> Architecture | None:
    """The architecture of a model folder; None if it is missing or its config cannot be read."""
    try:
        # the Hub's cache has links
        found = architecture_of(read_json(os.path.realpath(Path(folder, "config.json"))))
        if found is None or found.exact:
            return found
        # the exact number, from the headers of the weight files
        counted = sum(map(_parameters_in, sorted(Path(folder).glob("*.safetensors"))))
    except (OSError, ValueError):
        return None
    return replace(found, around=found.around + counted - found.parameters)


def _parameters_in(file: Path) -> int:
    """Count the parameters in a safetensors file by its header; raises ValueError and OSError."""
    return sum(math.prod(map(int, it["shape"])) for it in header_of(file).values())


def from_scratch(architecture: FromScratch, tokenizer: Tokenizer) -> Architecture:
    """The architecture of a base that is pre-trained here."""
    tokens = ALPHABET if tokenizer.kind == "characters" else max(tokenizer.vocabulary, ALPHABET)
    config = {"model_type": architecture.family, "vocab_size": tokens}
    found = architecture_of(config | architecture.config)
    assert found is not None
    return found


def architecture_of(config: Any) -> Architecture | None:
    """The architecture of a config.json; None if it does not state its sizes.

    An unknown family is treated as a Llama of the same sizes.
    """
    if not isinstance(config, dict) or not isinstance(config.get("text_config") or {}, dict):
        return None
    config = config | (config.get("text_config") or {})
    family = str(config.get("model_type", ""))
    values = DEFAULTS.get(family, {}) | {k: v for k, v in config.items() if v is not None}
    for name, others in NAMES.items():
        for other in reversed([other for other in others if other in values]):
            values[name] = values[other]
    try:
        width, heads = int(values["width"]), int(values["heads"])
        sizes = Architecture(
            family=family,
            layers=int(values["layers"]),
            width=width,
            heads=heads,
            kv_heads=heads,
            head_dim=width // heads,
            intermediate=int(values.get("inner", 4 * width)),
            vocabulary=int(values["vocab_size"]),
            context=int(values.get("context", 0)),
            tied=bool(values.get("tie_word_embeddings", family in TIED)),
            activation=str(values.get("activation", "silu")),
            attention_dropout=float(values.get("noise", 0)) > 0,
        )
        read = {"gpt2": _gpt2, "falcon": _falcon}.get(family, _llama_like)
        found = replace(sizes, **read(values, sizes))
        return found if 0 < found.parameters < MOST else None
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def _gpt2(config: dict[str, Any], sizes: Architecture) -> dict[str, Any]:
    width, inner = sizes.width, sizes.intermediate
    return {
        "stem": "transformer.h",
        "linears": (
            Linear("attn.c_attn", width, 3 * width, True),
            Linear("attn.c_proj", width, width, True),
            Linear("mlp.c_fc", width, inner, True),
            Linear("mlp.c_proj", inner, width, True),
        ),
        "norms": 4 * width,
        "around": int(config["context"]) * width + 2 * width,
        "residual_dropout": config["resid_pdrop"] > 0,
    }


def _falcon(config: dict[str, Any], sizes: Architecture) -> dict[str, Any]:
    width, inner, heads = sizes.width, sizes.intermediate, sizes.heads
    new, bias = bool(config.get("new_decoder_architecture")), bool(config.get("bias"))
    shared, parallel = not new and bool(config["multi_query"]), bool(config["parallel_attn"])
    kv_heads = 1 if shared else int(config.get("num_kv_heads") or heads)
    fused = (heads + 2 * kv_heads) * sizes.head_dim if new or shared else 3 * width
    norms = int(config.get("num_ln_in_parallel_attn") or (2 if new else 1)) if parallel else 2
    return {
        "kv_heads": kv_heads,
        "stem": "transformer.h",
        "linears": (
            Linear("self_attention.query_key_value", width, fused, bias),
            Linear("self_attention.dense", width, width, bias),
            Linear("mlp.dense_h_to_4h", width, inner, bias),
            Linear("mlp.dense_4h_to_h", inner, width, bias),
        ),
        "norms": 2 * width * (1 if parallel and norms != 2 else 2),
        "around": 2 * width,
        "layer_norms": norms,
        "residual_dropout": config.get("hidden_dropout", 0) > 0,
        # fused attention supports neither a single key head nor position biases
        "whole_scores": True,
    }


def _llama_like(config: dict[str, Any], sizes: Architecture) -> dict[str, Any]:
    family, width, inner = sizes.family, sizes.width, sizes.intermediate
    head = int(config.get("head_dim") or sizes.head_dim)
    kv_heads = int(config.get("num_key_value_heads") or sizes.heads)
    queries, keys = sizes.heads * head, kv_heads * head
    mlp_bias, all_bias = bool(config.get("mlp_bias")), bool(config.get("attention_bias"))
    bias = family == "qwen2" or all_bias  # of queries, keys and values
    deep, own = family in ("gemma2", "gemma3_text"), family in ("qwen3", "gemma3_text")
    return {
        "kv_heads": kv_heads,
        "head_dim": head,
        "stem": "model.layers",
        "linears": (
            Linear("self_attn.q_proj", width, queries, bias),
            Linear("self_attn.k_proj", width, keys, bias),
            Linear("self_attn.v_proj", width, keys, bias),
            Linear("self_attn.o_proj", queries, width, all_bias and family != "qwen2"),
            Linear("mlp.gate_proj", width, inner, mlp_bias),
            Linear("mlp.up_proj", width, inner, mlp_bias),
            Linear("mlp.down_proj", inner, width, mlp_bias),
        ),
        "norms": width * (4 if deep else 2) + (2 * head if own else 0),
        "around": width,
        "layer_norms": 4 if deep else 2,
        "rms": True,
        "head_norms": own,
        "gated": True,
        "capped": bool(config.get("final_logit_softcapping")),
        "exact": family in LLAMA_LIKE,
    }
