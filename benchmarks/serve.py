"""Compare the speed of a model server with the job's own engine, on the same prompts and model.

    python benchmarks/serve.py MODEL --serve 'transformers serve $model --port $port --dtype $dtype'
    python benchmarks/serve.py --shape 7b --prompts 256 --new-tokens 128 --batch-size 64 \
      --serve 'vllm serve $model --port $port --host 127.0.0.1 --dtype $dtype --max-model-len 2048'

MODEL is a folder; ``--shape`` makes one of random weights in the shape of Llama 2 7B (``7b``, for a
GPU) or a small one (``small``). Prompts are pieces of the documentation, of different lengths. Both
read the same tokens and decode greedily.

Prints each one's answer tokens per second, the ratio, the time until the server's first answer, and
how many answers are equal. The job's model and the server are never loaded at the same time. On a
CPU, times are CPU time of this process and the server, as other processes may use the machine.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

import psutil

from papertune.answering.batching import batches
from papertune.answering.generation import Generated, Row, Sampling, generate
from papertune.answering.served import Writer, opened
from papertune.examples.tokens import start_tokens
from papertune.models.loading import (
    device_name,
    load_config,
    load_model,
    load_tokenizer,
    set_up_torch,
)
from papertune.models.precision import choose
from papertune.study.settings import Answering

ROOT = Path(__file__).resolve().parents[1]
SHAPES = {  # width, inner width, layers, heads
    "7b": (4096, 11008, 32, 32),
    "small": (256, 688, 4, 4),
}
WORDS = 32000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--serve", required=True)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--longest", type=int, default=300, help="tokens of a prompt")
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--concurrency", type=int, default=0, help="default: the batch size")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if (options.model is None) == (options.shape is None):
        parser.error("give a MODEL or a --shape")
    set_up_torch(options.threads)
    with tempfile.TemporaryDirectory() as made:
        folder = options.model or make(Path(made), *SHAPES[options.shape])
        measure(folder.resolve(), options)


def measure(folder: Path, options: Any) -> None:
    """Measure both engines on the same prompts."""
    tokenizer = load_tokenizer(folder)
    rows = prompts(tokenizer, options.prompts, options.longest)
    read = sum(len(tokens) for _, tokens in rows)
    print(f"{len(rows)} prompts of {read / len(rows):.0f} tokens on {device_name()}, "
          f"{choose('auto', load_config(folder)).name}, {options.threads} threads")  # fmt: skip
    sampling = Sampling(options.new_tokens)
    model = load_model(folder)
    generate(model, tokenizer, rows[:1], Sampling(4))  # warm up
    began = spent()
    own: dict[str, Generated] = {}
    for batch in batches(rows, options.batch_size):
        written = generate(model, tokenizer, batch, sampling)
        own |= {key: one for (key, _), one in zip(batch, written, strict=True)}
    job = told("job", own, spent() - began, f"batches of {options.batch_size}")
    del model
    gc.collect()
    if device_name() == "cuda":
        import torch

        torch.cuda.empty_cache()
    how = Answering(
        engine="server", serve=options.serve, max_new_tokens=options.new_tokens,
        concurrency=options.concurrency or options.batch_size, timeout=1200,
    )  # fmt: skip
    began = time.perf_counter()
    with opened(how, folder, None, options.threads) as (place, name):
        place.url()
        writer = Writer(place, name, tokenizer, sampling, options.new_tokens, how)
        ask(writer, rows[:1])
        print(f"the server answered its first prompt after {time.perf_counter() - began:.0f} s")
        began = spent()
        theirs = ask(writer, rows)
        seconds = spent() - began
    server = told("server", theirs, seconds, f"{how.concurrency} at once")
    same = sum(theirs[key].text == own[key].text for key in theirs)
    print(f"{same} of {len(theirs)} answers are equal")
    print(f"server against job: {server / job:.2f} times as fast")


def spent() -> float:
    """CPU seconds of this process and its children; wall time on a GPU."""
    if device_name() == "cuda":
        return time.perf_counter()
    total = time.process_time()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            total += sum(child.cpu_times()[:2])
    return total


def ask(writer: Writer, rows: list[Row]) -> dict[str, Generated]:
    """The server's answers."""
    found = [one for batch in writer(rows) for one in batch.items()]
    if failed := [one for _, one in found if isinstance(one, str)]:
        sys.exit(f"{len(failed)} prompts have no answer: {failed[0]}")
    return {key: one for key, one in found if isinstance(one, Generated)}


def told(name: str, answers: dict[str, Generated], seconds: float, how: str) -> float:
    """Print and return answer tokens per second."""
    rate = sum(one.new_tokens for one in answers.values()) / seconds
    print(f"{name:7} {rate:8.1f} tokens/s ({len(answers)} answers in {seconds:.1f} s; {how})")
    return rate


def prompts(tokenizer: Any, count: int, longest: int) -> list[Row]:
    """Pieces of the documentation, from a third of the maximum length up."""
    files = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("config/*.md"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    start = start_tokens(tokenizer)

    def pieces() -> Iterator[list[int]]:
        for number in range(count):
            size = longest // 3 + (number * 37) % (longest - longest // 3)
            first = (number * longest) % (len(tokens) - longest)
            yield [*start, *tokens[first : first + size]]

    return [(str(number), piece) for number, piece in enumerate(pieces())]


def make(folder: Path, width: int, inner: int, layers: int, heads: int) -> Path:
    """A Llama with random weights, in bf16, with a tokenizer of bytes and unused words."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    names = ["<pad>", "<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    names += [f"word{n}" for n in range(WORDS - len(names))]
    raw = Tokenizer(models.BPE(vocab={name: n for n, name in enumerate(names)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<end>", pad_token="<pad>"
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=WORDS, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=4096, bos_token_id=None,
        eos_token_id=1, pad_token_id=0, dtype="bfloat16",
    )  # fmt: skip
    torch.manual_seed(1)
    with torch.device(device_name()):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
