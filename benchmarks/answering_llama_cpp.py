"""Compare answering speed with llama.cpp (by llama-cpp-python) on the same prompts.

    python benchmarks/answering_llama_cpp.py MODEL --gguf FILE.gguf --python ENV/bin/python
        [--documents 8] [--questions 3] [--tokens 300] [--new-tokens 32] [--rounds 3] [--threads 1]

MODEL is the folder that a base with ``gguf`` or ``package`` makes from the file.
``llama-cpp-python`` has its own environment (it builds llama.cpp for this processor); its ``Llama``
answers one prompt after another and reuses the prefix shared with the previous prompt. Papertune
answers all in batches, in the precision that it chooses for this machine. llama.cpp computes with
the file's weights, usually in 4 bits: so the work differs, and so do some answers.

Prints each one's questions and answer tokens per second, and the ratio, by wall time.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from shared_prefix import make_rows

from papertune.answering.generation import Sampling, generate
from papertune.models.loading import end_tokens, load_model, load_tokenizer, set_up_torch

CHILD = """
import json, sys, time
from llama_cpp import Llama
given = json.load(sys.stdin)
llm = Llama(given["gguf"], n_ctx=given["context"], n_threads=given["threads"],
            n_threads_batch=given["threads"], verbose=False)
ends = set(given["ends"]) | {llm.token_eos()}
for _ in range(given["rounds"]):
    llm.reset()
    start, found = time.perf_counter(), []
    for prompt in given["prompts"]:
        written = []
        for token in llm.generate(prompt, temp=0.0, repeat_penalty=1.0):
            if token in ends:
                break
            written.append(token)
            if len(written) == given["new"]:
                break
        found.append(written)
    print(json.dumps([time.perf_counter() - start, found]), flush=True)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=8)
    parser.add_argument("--questions", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--texts", type=Path)
    options = parser.parse_args()

    set_up_torch(options.threads, seed=1)
    model, tokenizer = load_model(options.model), load_tokenizer(options.model)
    rows = [(key, prompt) for key, (prompt, _) in make_rows(tokenizer, options)]
    given: dict[str, Any] = {
        "gguf": str(options.gguf), "threads": options.threads, "rounds": options.rounds,
        "context": max(len(prompt) for _, prompt in rows) + options.new_tokens,
        "ends": sorted(end_tokens(model, tokenizer)), "new": options.new_tokens,
        "prompts": [prompt for _, prompt in rows],
    }  # fmt: skip
    generate(model, tokenizer, rows[:1], Sampling(2))  # warm up
    ours, theirs = [], []
    with subprocess.Popen(
        [options.python, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(json.dumps(given))
        child.stdin.close()
        for line in child.stdout:
            theirs.append(json.loads(line))
    if child.returncode:
        sys.exit(f"llama-cpp-python has ended with status {child.returncode}")
    for _ in range(options.rounds):
        start = time.perf_counter()
        written = generate(model, tokenizer, rows, Sampling(options.new_tokens))
        ours.append((time.perf_counter() - start, written))
    (own, answered), (other, found) = (
        min(rounds, key=lambda one: one[0]) for rounds in (ours, theirs)
    )
    texts = [tokenizer.decode(tokens, skip_special_tokens=True) for tokens in found]
    for name, seconds, tokens in (
        (
            f"papertune ({str(model.dtype).removeprefix('torch.')})",
            own,
            sum(one.new_tokens for one in answered),
        ),
        (f"llama.cpp ({options.gguf.stem})", other, sum(map(len, found))),
    ):
        print(f"{name:45} {len(rows) / seconds:6.2f} questions/s, {tokens / seconds:6.1f} tokens/s")
    same = sum(one.text == text for one, text in zip(answered, texts, strict=True))
    print(f"papertune is {other / own:.2f} times as fast; {same} of {len(rows)} answers the same")


if __name__ == "__main__":
    main()
