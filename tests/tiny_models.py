"""Random models small enough to make in a test: real architectures, real tokenizers, no download."""

from pathlib import Path

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
    folder: Path, *, family: str = "llama", chat: bool = False, context: int = 128
) -> Path:
    """A byte-level BPE tokenizer and a random Llama or GPT-2, saved to a folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedTokenizerFast,
    )

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
        tokenizer_object=raw, eos_token="<end>", pad_token="<pad>" if family == "llama" else None
    )
    if chat:
        tokenizer.chat_template = CHAT
    torch.manual_seed(7)
    ends = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    if family == "llama":
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=context,
                initializer_range=0.3,
                pad_token_id=tokenizer.pad_token_id,
                **ends,
            )
        )
    else:
        model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=len(tokenizer),
                n_embd=32,
                n_layer=2,
                n_head=2,
                n_positions=context,
                initializer_range=0.3,
                **ends,
            )
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
