"""GGUF files small enough to make in a test, by ggml's own writer, and packages that carry some."""

import hashlib
import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

# transformers' name of a weight in a Llama → that in a GGUF
WEIGHTS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}  # fmt: skip


def make_gguf(model: Path, file: Path, *, kind: str = "F32", **metadata: Any) -> Path:
    """A file of a Llama's folder, its matrices in a ggml type; ``None`` leaves metadata out.

    ``more`` are further tensors, by their names in the file.
    """
    import gguf
    import numpy as np
    import torch
    from safetensors.torch import load_file

    config = json.loads((model / "config.json").read_text())
    heads, more = config["num_attention_heads"], metadata.pop("more", {})
    known = json.loads((model / "tokenizer.json").read_text())
    ids = known["model"]["vocab"] | {one["content"]: one["id"] for one in known["added_tokens"]}
    special = {one["content"] for one in known["added_tokens"] if one["special"]}
    tokens = sorted(ids, key=ids.__getitem__)
    said = {
        "general.architecture": "llama", "general.type": "model", "general.name": "Tiny",
        "general.license": "apache-2.0", "llama.block_count": config["num_hidden_layers"],
        "llama.context_length": config["max_position_embeddings"],
        "llama.embedding_length": config["hidden_size"],
        "llama.feed_forward_length": config["intermediate_size"],
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": config["num_key_value_heads"],
        "llama.attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "llama.rope.dimension_count": config["hidden_size"] // heads,
        "llama.rope.freq_base": 10000.0, "llama.vocab_size": config["vocab_size"],
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in special else 1 for token in tokens],
        "tokenizer.ggml.merges": [" ".join(pair) for pair in known["model"]["merges"]],
        "tokenizer.ggml.eos_token_id": ids["<end>"], "tokenizer.ggml.padding_token_id": ids["<pad>"],
    }  # fmt: skip
    said |= {name.replace("__", "."): value for name, value in metadata.items()}
    writer = gguf.GGUFWriter(file, said.pop("general.architecture") or "llama")
    for name, value in said.items():
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
        add |= {str: writer.add_string, list: writer.add_array}
        if value is not None:
            add[type(value)](name, value)
    for name, weight in load_file(model / "model.safetensors").items():
        name = name.removeprefix("model.").removesuffix(".weight")
        if name.startswith("layers."):
            _, n, inner = name.split(".", 2)
            if inner in ("self_attn.q_proj", "self_attn.k_proj"):  # as llama.cpp turns positions
                dim = weight.shape[0] // heads // 2
                weight = weight.reshape(heads, 2, dim, -1).swapaxes(1, 2).reshape(weight.shape)
            name = f"blk.{n}.{WEIGHTS[inner]}"
        else:
            names = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
            name = names[name]
        array = weight.to(torch.float32).contiguous().numpy()
        of = gguf.GGMLQuantizationType[kind if array.ndim > 1 else "F32"]
        writer.add_tensor(f"{name}.weight", gguf.quantize(array, of), raw_dtype=of)
    for name, values in more.items():
        writer.add_tensor(name, np.array([*values], dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def make_package(site: Path, name: str, version: str, files: dict[str, bytes], **said: str) -> None:
    """An installed package as pip leaves it, whose code ends whoever runs it."""
    files = {f"{name.replace('-', '_')}/__init__.py": b"raise SystemExit('run')", **files}
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    lines = "".join(f"{key}: {value}\n" for key, value in said.items())
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{lines}".encode()
    )
    record = []
    for file, data in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_bytes(data)
        digest = urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        record.append(f"{file},sha256={digest},{len(data)}\n")
    (site / info / "RECORD").write_text("".join(record))
