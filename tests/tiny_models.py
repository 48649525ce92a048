"""Random models small enough to make in a test: real architectures, real tokenizers, no download."""

from pathlib import Path
from typing import Any

WORDS = (
    "tern predicts the next cache miss of a program and saves energy what does it save how much "
    "question abstract answer read is by twelve percent"
)
CHAT = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system turn') }}"
    "{% endif %}<user>{{ m['content'] }}</user>{% endfor %}"
    "{% if add_generation_prompt %}<model>{% endif %}"
)


def make_model(
    folder: Path,
    *,
    family: str = "llama",
    chat: bool = False,
    context: int = 128,
    width: int = 32,
    layers: int = 2,
    words: int = 0,
    tied: bool | None = None,
) -> Path:
    """A byte-level BPE tokenizer and a random model of a family, saved to a folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        [WORDS] * 4,
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=["<pad>", "<end>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<end>", pad_token=None if family == "gpt2" else "<pad>"
    )
    if chat:
        tokenizer.chat_template = CHAT
    torch.manual_seed(7)
    own = _shape(family, width, layers, context) | {
        "vocab_size": max(words, len(tokenizer)), "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None, "pad_token_id": tokenizer.pad_token_id, "initializer_range": 0.1,
    }  # fmt: skip
    if tied is not None:
        own["tie_word_embeddings"] = tied
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **own))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _shape(family: str, width: int, layers: int, context: int) -> dict[str, Any]:
    if family == "gpt2":
        return {"n_embd": width, "n_layer": layers, "n_head": 2, "n_positions": context}
    shape = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2}
    if family == "falcon":
        return shape | {"alibi": False, "multi_query": True, "new_decoder_architecture": False}
    if family == "gemma2":
        shape["head_dim"] = 32
    shape |= {"num_key_value_heads": 2, "intermediate_size": 2 * width}
    return shape | {"max_position_embeddings": context}
