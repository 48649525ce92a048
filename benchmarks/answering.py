"""How much faster batches answer than one question at a time.

    python benchmarks/answering.py [--questions 64] [--width 128] [--batch-size 32] [--threads 1]

Makes a random Llama, answers the same questions both ways through ``papertune.generation`` and
prints tokens per second, their ratio, and whether both wrote the same.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from papertune.generation import Sampling, batches, generate
from papertune.loading import device_name, set_up_torch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    set_up_torch(options.threads, seed=1)
    from transformers import LlamaConfig, LlamaForCausalLM

    vocabulary = 8000
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=options.width,
            intermediate_size=options.width * 3,
            num_hidden_layers=options.layers,
            num_attention_heads=4,
            max_position_embeddings=512,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=0,
        )
    )
    model = model.to(device_name()).eval()
    # no text is needed: tokens go in, and their numbers come out
    tokenizer = SimpleNamespace(
        pad_token_id=0, eos_token_id=None, decode=lambda tokens, **_: " ".join(map(str, tokens))
    )
    draw = random.Random(1)
    rows = [
        (str(n), [draw.randrange(1, vocabulary) for _ in range(draw.randrange(80, 240))])
        for n in range(options.questions)
    ]
    sampling = Sampling(options.new_tokens)
    generate(model, tokenizer, rows[:1], sampling)  # warm up
    rates, texts = {}, {}
    for size in (1, options.batch_size):
        start = time.perf_counter()
        written = {
            key: one
            for batch in batches(rows, size)
            for (key, _), one in zip(
                batch, generate(model, tokenizer, batch, sampling), strict=True
            )
        }
        rates[size] = sum(one.new_tokens for one in written.values()) / (
            time.perf_counter() - start
        )
        texts[size] = {key: one.text for key, one in written.items()}
        print(f"batches of {size:3d}: {rates[size]:8.0f} tokens/s", flush=True)
    same = sum(texts[1][key] == texts[options.batch_size][key] for key in texts[1])
    print(
        f"{options.questions} questions on {device_name()}: "
        f"{rates[options.batch_size] / rates[1]:.1f} times as fast, {same} answers the same"
    )


if __name__ == "__main__":
    main()
