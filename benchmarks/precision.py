"""Compare training speed on a processor in the precision of ``auto`` with that in fp32.

    python benchmarks/precision.py --model resources/models/BASE [--method lora] [--steps 2]

Trains a folder's model (real weights) by papertune's ``fit`` on examples of 300 to 450 English
tokens, 8 per update. Prints the choice and its reason, tokens per second in both, and the
difference of the final losses, computed in fp32. On a processor with bf16 units, ``auto`` must be
1.35 times as fast, with losses within 1 %; without such units, both are fp32, which is reported.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from papertune.examples.tokens import MASKED, Examples, answer_loss
from papertune.models.loading import load_tokenizer, set_up_torch
from papertune.study.recipe import Recipe
from papertune.study.settings import Training
from papertune.training.methods import prepare
from papertune.training.train import Run, fit

TIMES, LOSS = 1.35, 0.01


def main() -> None:
    """Train in both, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--method", choices=("full", "lora"), default="full")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    found = {name: measure(options, name) for name in ("fp32", "auto")}
    chosen = found["auto"]["precision"]
    print(f"auto is {chosen['name']}: {chosen['why']}")
    for name, facts in found.items():
        print(
            f"{name}: {rate(facts):.0f} tokens/s, validation {losses(facts)}, "
            f"then in fp32 {facts['loss']:.4f}"
        )
    if chosen["name"] == "fp32":
        print("nothing to compare: this processor is not faster in bf16")
        return
    ratio = rate(found["auto"]) / rate(found["fp32"])
    apart = abs(found["auto"]["loss"] / found["fp32"]["loss"] - 1)
    print(f"auto is {ratio:.2f} times as fast (at least {TIMES}), losses {apart:.2%} apart")
    sys.exit(ratio < TIMES or apart > LOSS)


def measure(options: argparse.Namespace, precision: str) -> dict[str, Any]:
    """The facts of a training; validation uses the first update's examples."""
    set_up_torch(options.threads, seed=1)
    training = Training(
        max_steps=options.steps, batch_size=8, learning_rate=2e-5, order="given", evaluations=1,
        precision=precision, max_length=512,
    )  # fmt: skip
    model = prepare(options.model, Recipe(method=options.method, training=training))
    tokenizer = load_tokenizer(options.model)
    text = (Path(__file__).resolve().parents[1] / "config" / "README.md").read_text("utf-8")
    tokens, draw, rows = tokenizer(text)["input_ids"], random.Random(1), []
    for number in range(8 * options.steps):
        prompt, answer = draw.randrange(280, 420), draw.randrange(15, 45)
        ids = tokens[number * 450 % (len(tokens) - 465) :][: prompt + answer]
        rows.append({"input_ids": ids, "labels": [MASKED] * prompt + ids[prompt:]})
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        facts = fit(
            model, tokenizer, train=Examples(rows),
            validation=Examples(rows[:8]), training=training, seed=1,
            run=Run(Path(folder), precision),
        )  # fmt: skip
    facts |= {"computed": time.process_time() - began}
    # the same for both: in bf16, a small update of a weight would be rounded away
    model = extract_model_from_parallel(model, keep_fp32_wrapper=False).float().eval()
    with torch.no_grad():
        found = [
            answer_loss(
                model(input_ids=torch.tensor([row["input_ids"]]), use_cache=False),
                torch.tensor([row["labels"]]),
            ).item()
            for row in rows[:8]
        ]
    return facts | {"loss": statistics.fmean(found)}


def rate(facts: dict[str, Any]) -> float:
    """Tokens per second of CPU time, as other processes may use the machine."""
    return float(facts["tokens_seen"] / facts["computed"])


def losses(facts: dict[str, Any]) -> list[float]:
    """Mean loss of the validation examples, before and after training."""
    return [round(row["validation_loss"], 4) for row in facts["history"]]


if __name__ == "__main__":
    main()
