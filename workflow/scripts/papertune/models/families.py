"""GGUF settings that transformers ignores: beginning and end tokens, pre-tokenizer, RoPE scaling.

Unknown values are refused: a model with wrong settings still answers, only worse.
"""

from typing import Any

from papertune.models.gguf import GgufError, Header

OTHER = "take the model's folder from the Hub (hub), or another model"
# byte-level vocabularies (tokenizer.ggml.pre), after llama.cpp's llama-vocab.cpp: split as by
# GPT-2; the same with single digits; and those that keep a word whole if it is in the vocabulary
AS_GPT2 = ("gpt-2", "gpt2", "phi-2", "mpt", "olmo", "roberta-bpe", "gigachat")
DIGITS = ("smollm", "starcoder", "refact", "command-r", "codeshell")
WHOLE = (
    "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
    "tekken",
)  # fmt: skip
# end-of-turn tokens, found by name if a file does not give their numbers
TURNS = ("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<EOT>")
# RoPE scaling of Llama 3.1 and later, which files store as the resulting factors
LLAMA3 = {
    "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip
FACTORS = "rope_freqs.weight"


def ends(header: Header) -> int | list[int] | None:
    """The tokens that end a text or a turn, by number or else by name."""
    said = header.metadata
    found = [said.get(f"tokenizer.ggml.{kind}_token_id") for kind in ("eos", "eot", "eom")]
    tokens, template = said["tokenizer.ggml.tokens"], str(said.get("tokenizer.chat_template", ""))
    if found[1] is None:
        found += [tokens.index(one) for one in TURNS if one in template and one in tokens]
    numbers = [number for number in dict.fromkeys(found) if isinstance(number, int)]
    return numbers if len(numbers) > 1 else next(iter(numbers), None)


def begins(header: Header) -> bool:
    """Whether texts begin with a token: by the file, else by llama.cpp's default for its kind."""
    said = header.metadata.get("tokenizer.ggml.add_bos_token")
    if isinstance(said, bool):
        return said
    if header.metadata.get("tokenizer.ggml.model") == "gpt2":
        return header.metadata.get("tokenizer.ggml.pre") in WHOLE
    return header.metadata.get("tokenizer.ggml.model") == "llama"


def set_cuts(tokenizer: Any, header: Header) -> None:
    """Make a tokenizer converted by transformers pre-tokenize as the file says.

    Raises:
        GgufError: the file's setting is unknown.
    """
    from tokenizers import pre_tokenizers
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

    if header.metadata.get("tokenizer.ggml.model") != "gpt2":
        return
    how, backend = header.metadata.get("tokenizer.ggml.pre"), tokenizer.backend_tokenizer
    if how in DIGITS:
        backend.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ])  # fmt: skip
    elif how not in AS_GPT2 and how not in GGUF_PRE_TOKENIZER_SPLITS:
        named = f"is {how!r}, which is not known here" if how else "is not named"
        raise GgufError(
            f"the file's pre-tokenizer (tokenizer.ggml.pre) {named}",
            hint=OTHER,
        )
    backend.model.ignore_merges = how in WHOLE


def set_places(config: Any, header: Header, factors: Any) -> None:
    """Set the position encoding of a configuration as the file says.

    Args:
        factors: From ``rope_freqs.weight``, one per frequency; None if the file has none.

    Raises:
        GgufError: the file's setting is unknown.
    """
    kind = header.of_model("rope.scaling.type", "none")
    factor = header.of_model("rope.scaling.factor", 1.0)
    rope = config.rope_parameters if hasattr(config, "rope_parameters") else None
    if factors is not None and rope is not None:
        config.rope_parameters = rope | LLAMA3 | {"factor": float(round(float(factors.max())))}
        if not _same_places(config, factors):
            what = f"its position scaling ({FACTORS}) is of an unknown kind"
            raise GgufError(what, hint=OTHER)
    elif kind == "linear" and rope is not None:
        stretched = {"rope_type": "linear", "factor": float(factor)}
        # Gemma's global layers, not those with a sliding window
        far = rope.get("full_attention")
        config.rope_parameters = (
            rope | {"full_attention": far | stretched} if far else rope | stretched
        )
    elif kind not in ("none", "") and factor != 1.0:
        what = f"its position scaling {kind!r} cannot be read from GGUF"
        raise GgufError(what, hint=OTHER)


def _same_places(config: Any, factors: Any) -> bool:
    """Whether the frequencies are the unscaled ones divided by a file's factors."""
    import torch
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    rope = config.rope_parameters
    found, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    size = 2 * len(found)
    plain = rope["rope_theta"] ** (-torch.arange(0, size, 2, dtype=torch.float32) / size)
    return len(factors) == len(found) and torch.allclose(found, plain / factors, rtol=1e-4)
