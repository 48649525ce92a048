"""Compare answering in batches with one question at a time, and with plain transformers.

    python benchmarks/answering.py [--questions 64] [--width 128] [--batch-size 32] [--rounds 3]

Makes a random Llama and answers the same questions, greedily, in three ways:

- papertune, one at a time
- papertune, in batches sorted by length (``papertune.answering.generation``); at least 4 times as fast
- transformers' own ``generate`` on batches of the same size in the order of the questions, padded
  on the left; papertune's may not be slower

Prints tokens per second, the ratios, and whether all answers are equal. On a CPU, times are the
process's CPU time, as other processes may use the machine. Rounds alternate, and medians are
compared.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from papertune.answering.batching import batches
from papertune.answering.generation import Row, Sampling, generate
from papertune.models.loading import device_name, set_up_torch

TIMES_ONE = 4.0
TIMES_TRANSFORMERS = 1.0
VOCABULARY = 8000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    set_up_torch(options.threads, seed=1)
    model = make(options.width, options.layers)
    draw = random.Random(1)
    rows: list[Row] = [
        (str(n), [draw.randrange(1, VOCABULARY) for _ in range(draw.randrange(80, 240))])
        for n in range(options.questions)
    ]
    size, new = options.batch_size, options.new_tokens
    batched = f"batches of {size}"
    ways: dict[str, Callable[[list[Row]], dict[str, str]]] = {
        batched: lambda rows: ours(model, rows, size, new),
        "transformers": lambda rows: theirs(model, rows, size, new),
        "one at a time": lambda rows: ours(model, rows, 1, new),
    }
    now = time.process_time if device_name() == "cpu" else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    texts = {}
    for way in ways.values():
        way(rows[:2])  # warm up
    for _ in range(options.rounds):
        for name, way in ways.items():
            start = now()
            texts[name] = way(rows)
            seconds[name].append(now() - start)
    for name, spent in seconds.items():
        rate = options.questions * new / statistics.median(spent)
        print(f"{name:15} {rate:8.0f} tokens/s")
    same = sum(len({text[key] for text in texts.values()}) == 1 for key, _ in rows)
    print(f"{options.questions} questions on {device_name()}, {same} answered the same by all")
    failed = same < options.questions
    for other, least in (("one at a time", TIMES_ONE), ("transformers", TIMES_TRANSFORMERS)):
        ratios = [b / a for a, b in zip(seconds[batched], seconds[other], strict=True)]
        ratio = statistics.median(ratios)
        every = ", ".join(f"{one:.2f}" for one in ratios)
        print(
            f"{batched} against {other}: {ratio:.2f} times as fast ({every}; at least {least:.1f})"
        )
        failed |= ratio < least
    sys.exit(failed)


def make(width: int, layers: int) -> Any:
    """A random Llama that never generates the end token."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=width * 3,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).to(device_name()).eval()


def text_of(tokens: list[int], **_: Any) -> str:
    """Token numbers as text: the benchmark needs no real decoding."""
    return " ".join(map(str, tokens))


def ours(model: Any, rows: list[Row], size: int, new: int) -> dict[str, str]:
    """The answers by papertune."""
    tokenizer = SimpleNamespace(pad_token_id=0, eos_token_id=None, decode=text_of)
    return {
        key: one.text
        for batch in batches(rows, size)
        for (key, _), one in zip(
            batch, generate(model, tokenizer, batch, Sampling(new)), strict=True
        )
    }


def theirs(model: Any, rows: list[Row], size: int, new: int) -> dict[str, str]:
    """The answers by transformers, as in its documentation."""
    import torch

    texts = {}
    for first in range(0, len(rows), size):
        batch = rows[first : first + size]
        longest = max(len(tokens) for _, tokens in batch)
        padding = [longest - len(tokens) for _, tokens in batch]
        ids = [[0] * n + tokens for n, (_, tokens) in zip(padding, batch, strict=True)]
        mask = [[0] * n + [1] * (longest - n) for n in padding]
        written = model.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            max_new_tokens=new,
            do_sample=False,
        )
        for (key, _), row in zip(batch, written, strict=True):
            texts[key] = text_of(row[longest:].tolist())
    return texts


if __name__ == "__main__":
    main()
