"""The architecture of a model folder, read from its config.json as transformers reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from papertune.footprint.architecture import Architecture, Linear
from papertune.study.settings import Architecture as FromScratch
from papertune.study.settings import Tokenizer

LLAMA_LIKE = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text")
# what a config.json may leave out, as transformers fills it in
DEFAULTS: dict[str, dict[str, Any]] = {
    "gpt2": {"activation_function": "gelu_new", "resid_pdrop": 0.1, "attn_pdrop": 0.1},
    "falcon": {"multi_query": True, "parallel_attn": True, "activation": "gelu"},
    "mistral": {"num_key_value_heads": 8, "intermediate_size": 14336},
    "qwen3": {"head_dim": 128},
    "gemma": {"head_dim": 256},
    "gemma2": {"head_dim": 256, "final_logit_softcapping": 30.0},
    "gemma3_text": {"head_dim": 256},
}
TIED = {"gpt2", "falcon", "gemma", "gemma2", "gemma3_text"}  # unless they say otherwise
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
    values = {**DEFAULTS.get(family, {}), **given}
    try:
        if family == "gpt2":
            return _gpt2(values)
        if family == "falcon":
            return _falcon(values)
        return _llama_like(values, family)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def from_scratch(architecture: FromScratch, tokenizer: Tokenizer) -> Architecture:
    """The architecture of a base that is pre-trained here (``pretraining.make_model``)."""
    sizes = architecture
    vocabulary = ALPHABET if tokenizer.kind == "characters" else max(tokenizer.vocabulary, ALPHABET)
    if sizes.family == "gpt2":
        return _gpt2(
            {
                "n_embd": sizes.width,
                "n_layer": sizes.layers,
                "n_head": sizes.heads,
                "n_inner": sizes.intermediate,
                "n_positions": sizes.context,
                "vocab_size": vocabulary,
                "activation_function": sizes.activation,
            }
        )
    return _llama_like(
        {
            "hidden_size": sizes.width,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.intermediate,
            "max_position_embeddings": sizes.context,
            "vocab_size": vocabulary,
            "hidden_act": sizes.activation,
            "tie_word_embeddings": True,
        },
        "llama",
    )


def _gpt2(config: Mapping[str, Any]) -> Architecture:
    width, heads = int(config["n_embd"]), int(config["n_head"])
    inner = int(config.get("n_inner") or 4 * width)
    return Architecture(
        family="gpt2",
        stem="transformer.h",
        layers=int(config["n_layer"]),
        width=width,
        heads=heads,
        kv_heads=heads,
        head_dim=width // heads,
        intermediate=inner,
        vocabulary=int(config["vocab_size"]),
        context=int(config["n_positions"]),
        tied=bool(config.get("tie_word_embeddings", True)),
        linears=(
            Linear("attn.c_attn", width, 3 * width, True),
            Linear("attn.c_proj", width, width, True),
            Linear("mlp.c_fc", width, inner, True),
            Linear("mlp.c_proj", inner, width, True),
        ),
        norms=4 * width,
        around=int(config["n_positions"]) * width + 2 * width,
        rms=False,
        gated=False,
        activation=str(config["activation_function"]),
        residual_dropout=config.get("resid_pdrop", 0) > 0,
        attention_dropout=config.get("attn_pdrop", 0) > 0,
    )


def _falcon(config: Mapping[str, Any]) -> Architecture:
    width, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    head, inner = width // heads, int(config.get("ffn_hidden_size") or 4 * width)
    new, bias = bool(config.get("new_decoder_architecture")), bool(config.get("bias"))
    shared = not new and bool(config["multi_query"])
    kv_heads = 1 if shared else int(config.get("num_kv_heads") or heads)
    fused = (heads + 2 * kv_heads) * head if new or shared else 3 * width
    parallel = bool(config["parallel_attn"])
    norms = config.get("num_ln_in_parallel_attn") or (2 if new else 1)
    norms = int(norms) if parallel else 2
    return Architecture(
        family="falcon",
        stem="transformer.h",
        layers=int(config["num_hidden_layers"]),
        width=width,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head,
        intermediate=inner,
        vocabulary=int(config["vocab_size"]),
        context=int(config.get("max_position_embeddings") or 2048),
        tied=bool(config.get("tie_word_embeddings", True)),
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
        activation=str(config["activation"]),
        residual_dropout=config.get("hidden_dropout", 0) > 0,
        attention_dropout=config.get("attention_dropout", 0) > 0,
        # one head of keys for all, and position biases, are nothing that fused attention takes
        whole_scores=True,
    )


def _llama_like(config: Mapping[str, Any], family: str) -> Architecture:
    width = int(_first(config, "hidden_size", "n_embd", "d_model", "dim"))
    layers = int(_first(config, "num_hidden_layers", "n_layer", "num_layers", "n_layers"))
    heads = int(_first(config, "num_attention_heads", "n_head", "n_heads", "num_heads"))
    head = int(config.get("head_dim") or width // heads)
    kv_heads = int(config.get("num_key_value_heads") or heads)
    inner = int(
        _first(
            config, "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", default=4 * width
        )
    )
    queries, keys = heads * head, kv_heads * head
    bias = bool(config.get("attention_bias"))
    both = family in ("qwen2",) or bias  # of queries, keys and values
    out_bias = bias and family != "qwen2"
    mlp_bias = bool(config.get("mlp_bias"))
    deep, own = family in ("gemma2", "gemma3_text"), family in ("qwen3", "gemma3_text")
    return Architecture(
        family=family,
        stem="model.layers",
        layers=layers,
        width=width,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head,
        intermediate=inner,
        vocabulary=int(config["vocab_size"]),
        context=int(_first(config, "max_position_embeddings", "n_positions", default=0)),
        tied=bool(config.get("tie_word_embeddings", family in TIED)),
        linears=(
            Linear("self_attn.q_proj", width, queries, both),
            Linear("self_attn.k_proj", width, keys, both),
            Linear("self_attn.v_proj", width, keys, both),
            Linear("self_attn.o_proj", queries, width, out_bias),
            Linear("mlp.gate_proj", width, inner, mlp_bias),
            Linear("mlp.up_proj", width, inner, mlp_bias),
            Linear("mlp.down_proj", inner, width, mlp_bias),
        ),
        norms=width * (4 if deep else 2) + (2 * head if own else 0),
        around=width,
        layer_norms=4 if deep else 2,
        head_norms=own,
        activation=str(_first(config, "hidden_activation", "hidden_act", default="silu")),
        attention_dropout=float(config.get("attention_dropout") or 0) > 0,
        capped=bool(config.get("final_logit_softcapping")),
        exact=family in LLAMA_LIKE,
    )


def _first(config: Mapping[str, Any], *names: str, default: Any = None) -> Any:
    """The value under the first of several names.

    Raises:
        KeyError: none is there, and no default is given.
    """
    found = next((config[name] for name in names if config.get(name) is not None), default)
    if found is None:
        raise KeyError(names[0])
    return found


def _parameters_in(file: Path) -> int:
    """Numbers in a safetensors file, by its header: 8 bytes of length, then JSON with shapes.

    See https://huggingface.co/docs/safetensors (format).
    """
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    total = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            count = 1
            for size in tensor["shape"]:
                count *= size
            total += count
    return total
