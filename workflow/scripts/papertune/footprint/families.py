"""The architecture of a model folder, read from its config.json as transformers reads it."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from papertune.footprint.architecture import Architecture, Linear
from papertune.study.settings import Architecture as FromScratch
from papertune.study.settings import Tokenizer

LLAMA_LIKE = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text")
TIED = ("gpt2", "falcon", "gemma", "gemma2", "gemma3_text")  # unless they say otherwise
# what a config.json may leave out, as transformers fills it in
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
# the names under which families keep the same size
WIDTH = ("hidden_size", "n_embd", "d_model", "dim")
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
INNER = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size")
CONTEXT = ("max_position_embeddings", "n_positions")
ACTIVATION = ("hidden_activation", "hidden_act", "activation_function", "activation")
ALPHABET = 256 + 3  # bytes and specials: the smallest vocabulary of a base from scratch


def read_architecture(folder: str | Path) -> Architecture | None:
    """The architecture of a model folder; None where there is no folder or nothing can be told."""
    try:
        config = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = architecture_of(config)
    if found is None or found.exact:
        return found
    # what the weights' own headers say; the guess is left with the sizes
    counted = sum(map(_parameters_in, sorted(Path(folder).glob("*.safetensors"))))
    return replace(found, around=found.around + counted - found.parameters)


def architecture_of(config: Mapping[str, Any]) -> Architecture | None:
    """The architecture of a config.json; None where it does not even tell its sizes.

    Of families that are not known here, a Llama of the same sizes stands for them.
    """
    config = {**config, **(config.get("text_config") or {})}
    family = str(config.get("model_type", ""))
    given = {name: value for name, value in config.items() if value is not None}
    values = DEFAULTS.get(family, {}) | given
    read = {"gpt2": _gpt2, "falcon": _falcon}.get(family, _llama_like)
    try:
        return read(values, _sizes(values, family))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def from_scratch(architecture: FromScratch, tokenizer: Tokenizer) -> Architecture:
    """The architecture of a base that is pre-trained here."""
    tokens = ALPHABET if tokenizer.kind == "characters" else max(tokenizer.vocabulary, ALPHABET)
    config = {"model_type": architecture.family, "vocab_size": tokens}
    found = architecture_of(config | architecture.config)
    assert found is not None
    return found


def _sizes(config: Mapping[str, Any], family: str) -> dict[str, Any]:
    """What every family has, under one of its names."""
    width, heads = int(_first(config, WIDTH)), int(_first(config, HEADS))
    return {
        "family": family,
        "layers": int(_first(config, LAYERS)),
        "width": width,
        "heads": heads,
        "kv_heads": heads,
        "head_dim": width // heads,
        "intermediate": int(_first(config, INNER, 4 * width)),
        "vocabulary": int(config["vocab_size"]),
        "context": int(_first(config, CONTEXT, 0)),
        "tied": bool(config.get("tie_word_embeddings", family in TIED)),
        "activation": str(_first(config, ACTIVATION, "silu")),
        "attention_dropout": float(_first(config, ("attention_dropout", "attn_pdrop"), 0)) > 0,
    }


def _gpt2(config: Mapping[str, Any], sizes: dict[str, Any]) -> Architecture:
    width, inner = sizes["width"], sizes["intermediate"]
    return Architecture(
        **sizes,
        stem="transformer.h",
        linears=(
            Linear("attn.c_attn", width, 3 * width, True),
            Linear("attn.c_proj", width, width, True),
            Linear("mlp.c_fc", width, inner, True),
            Linear("mlp.c_proj", inner, width, True),
        ),
        norms=4 * width,
        around=int(_first(config, CONTEXT)) * width + 2 * width,
        rms=False,
        gated=False,
        residual_dropout=config["resid_pdrop"] > 0,
    )


def _falcon(config: Mapping[str, Any], sizes: dict[str, Any]) -> Architecture:
    width, inner, heads, head = (
        sizes[name] for name in ("width", "intermediate", "heads", "head_dim")
    )
    new, bias = bool(config.get("new_decoder_architecture")), bool(config.get("bias"))
    shared = not new and bool(config["multi_query"])
    kv_heads = 1 if shared else int(config.get("num_kv_heads") or heads)
    fused = (heads + 2 * kv_heads) * head if new or shared else 3 * width
    parallel = bool(config["parallel_attn"])
    norms = int(config.get("num_ln_in_parallel_attn") or (2 if new else 1)) if parallel else 2
    return Architecture(
        **{**sizes, "kv_heads": kv_heads},
        stem="transformer.h",
        linears=(
            Linear("self_attention.query_key_value", width, fused, bias),
            Linear("self_attention.dense", width, width, bias),
            Linear("mlp.dense_h_to_4h", width, inner, bias),
            Linear("mlp.dense_4h_to_h", inner, width, bias),
        ),
        norms=2 * width * (1 if parallel and norms != 2 else 2),
        around=2 * width,
        layer_norms=norms,
        rms=False,
        gated=False,
        residual_dropout=config.get("hidden_dropout", 0) > 0,
        # one head of keys for all, and position biases, are nothing that fused attention takes
        whole_scores=True,
    )


def _llama_like(config: Mapping[str, Any], sizes: dict[str, Any]) -> Architecture:
    family, width, inner = sizes["family"], sizes["width"], sizes["intermediate"]
    head = int(config.get("head_dim") or sizes["head_dim"])
    kv_heads = int(config.get("num_key_value_heads") or sizes["heads"])
    queries, keys = sizes["heads"] * head, kv_heads * head
    mlp_bias, all_bias = bool(config.get("mlp_bias")), bool(config.get("attention_bias"))
    bias = family == "qwen2" or all_bias  # of queries, keys and values
    deep, own = family in ("gemma2", "gemma3_text"), family in ("qwen3", "gemma3_text")
    return Architecture(
        **{**sizes, "kv_heads": kv_heads, "head_dim": head},
        stem="model.layers",
        linears=(
            Linear("self_attn.q_proj", width, queries, bias),
            Linear("self_attn.k_proj", width, keys, bias),
            Linear("self_attn.v_proj", width, keys, bias),
            Linear("self_attn.o_proj", queries, width, all_bias and family != "qwen2"),
            Linear("mlp.gate_proj", width, inner, mlp_bias),
            Linear("mlp.up_proj", width, inner, mlp_bias),
            Linear("mlp.down_proj", inner, width, mlp_bias),
        ),
        norms=width * (4 if deep else 2) + (2 * head if own else 0),
        around=width,
        layer_norms=4 if deep else 2,
        head_norms=own,
        capped=bool(config.get("final_logit_softcapping")),
        exact=family in LLAMA_LIKE,
    )


def _first(config: Mapping[str, Any], names: tuple[str, ...], default: Any = None) -> Any:
    """The value under the first of several names; KeyError if there is none, and no default."""
    found = next((config[name] for name in names if config.get(name) is not None), default)
    if found is None:
        raise KeyError(names[0])
    return found


def _parameters_in(file: Path) -> int:
    """Numbers in a safetensors file, by its header: 8 bytes of length, then JSON with shapes."""
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(math.prod(tensor.get("shape", [0])) for tensor in header.values())
