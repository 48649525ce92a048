"""Measure speed and memory of training on a GPU.

    python benchmarks/gpu_training.py [--only gpt2-full,llama-qlora] [--steps 30] [--batch 16]
    python benchmarks/gpu_training.py --tiny     # the same on tiny models, on any machine

Random weights in the shapes of GPT-2 124M and Llama-3.2-3B are trained by papertune's ``prepare``
and ``fit``: in bf16 if the GPU has it, on random tokens that all count for the loss. Rows have
1,024 tokens; ``packed`` rows hold examples of 64 to 448 tokens. Llamas use
``gradient_checkpointing``, in full training, too. Each case runs in its own process, and its last
steps are measured.

On an H100 (torch 2.11): gpt2-full in batches of 64: 452,778 tokens/s and 23.1 GiB; llama-qlora: 4.9
GiB, with an estimate of 1.01 times that.

Prints tokens per second, the share of the GPU's peak, the peak memory, the ratio of the estimate to
it (:mod:`papertune.footprint`), and LoRA relative to full training. Published figures, for 1,024
tokens in bf16: nanoGPT about 107,000 tokens/s on an A100 and llm.c 463,000 on an H100 (GPT-2 124M,
full; both compiled or hand-written); torchtune about 8,000 to 9,000 tokens/s on an A100
(Llama-3.2-3B LoRA, packed and compiled) and 4.6 GiB (QLoRA).

The share of the peak counts the operations that training needs (Chowdhery et al. 2022, appendix B):
per token 6 for each weight and 12 × layers × width × length for attention. For a frozen weight it
is 4, as it has no gradient. Recomputation does not count.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

# dense bf16 operations per second of tensor cores, by the prefix of CUDA's device name; from
# NVIDIA's data sheets, halved if these count with sparsity
PEAKS = {
    "NVIDIA A100": 312e12,
    "NVIDIA A10": 125e12,
    "NVIDIA A40": 149.7e12,
    "NVIDIA RTX A6000": 154.8e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100 NVL": 835e12,
    "NVIDIA H100": 989e12,
    "NVIDIA H200 NVL": 835e12,
    "NVIDIA H200": 989e12,
    "NVIDIA GH200": 989e12,
    "NVIDIA B200": 2250e12,
    "NVIDIA L40": 181e12,
    "NVIDIA L40S": 362e12,
    "NVIDIA L4": 121e12,
    "NVIDIA GeForce RTX 3090": 71e12,
    "NVIDIA GeForce RTX 4090": 165.2e12,
}
WARM = 5  # steps before the measured ones
DONE = "case "


@dataclass(frozen=True)
class Case:
    """One case: the model, the method and the number of tokens."""

    family: str
    method: str
    batch: int  # examples per step
    packed: bool = False
    checkpointing: bool = False
    compile: bool = False  # layers, as in runs of hundreds of updates


CASES = {
    "gpt2-full": Case("gpt2", "full", 64, compile=True),
    "gpt2-full-packed": Case("gpt2", "full", 64, packed=True),
    "gpt2-lora": Case("gpt2", "lora", 16),
    "llama-full": Case("llama", "full", 8, checkpointing=True),
    "llama-lora": Case("llama", "lora", 8, checkpointing=True),
    "llama-lora-packed": Case("llama", "lora", 32, packed=True, checkpointing=True),
    "llama-qlora": Case("llama", "qlora", 8, checkpointing=True),
}


def main() -> None:
    """Measure each case in its own process, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases to run, comma-separated")
    parser.add_argument("--steps", type=int, default=30, help="number of measured steps")
    parser.add_argument("--batch", type=int, default=0, help="examples per step, for every case")
    parser.add_argument("--tiny", action="store_true", help="tiny models, a few steps")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, folder = options.one
        facts = measure(name, Path(folder), options.tiny, options.steps, options.batch)
        print(DONE + json.dumps(facts), flush=True)
        return

    from papertune.models.loading import device_name

    if device_name() == "cpu" and not options.tiny:
        print("There is no GPU here: tiny models on the CPU show only that the benchmark runs.")
        options.tiny = True
    names = options.only.split(",") if options.only else list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        sys.exit(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    flags = ["--steps", str(options.steps), "--batch", str(options.batch)]
    flags += ["--tiny"] if options.tiny else []
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": first}  # measure one GPU only
    found: dict[str, dict[str, Any]] = {}
    failed = []
    with tempfile.TemporaryDirectory(prefix="papertune-gpu-") as folder:
        for name in names:
            command = [sys.executable, __file__, "--one", name, folder, *flags]
            ended = subprocess.run(command, capture_output=True, text=True, env=environment)
            told = [line for line in ended.stdout.splitlines() if line.startswith(DONE)]
            if ended.returncode or not told:
                failed.append(name)
                why = ended.stderr.strip().splitlines() or ["no word"]
                print(f"{name:18} failed: {why[-1]}", flush=True)
                continue
            found[name] = json.loads(told[0].removeprefix(DONE))
            print(f"{name:18} {line_of(found[name])}", flush=True)
    for family in ("gpt2", "llama"):
        compare(found, family)
    sys.exit(bool(failed))


def line_of(facts: dict[str, Any]) -> str:
    """One case in words."""
    share = f"{facts['share']:.1%} of the peak" if facts["share"] else "peak unknown"
    times = facts["estimate"] and facts["estimate"] / facts["memory"]
    estimate = f" (estimate: {times:.2f} times that)" if times else ""
    return (
        f"{facts['rate']:9,.0f} tokens/s, {share}, {facts['memory'] / 2**30:5.1f} GiB{estimate}, "
        f"{facts['parameters'] / 1e6:,.1f}M parameters ({facts['trained'] / 1e6:,.1f}M trained), "
        f"{facts['device']}"
    )


def compare(found: dict[str, dict[str, Any]], family: str) -> None:
    """Print how much less time and memory LoRA takes than full training."""
    full, lora = found.get(f"{family}-full"), found.get(f"{family}-lora")
    if full and lora:
        time_, memory = full["rate"] / lora["rate"] - 1, lora["memory"] / full["memory"] - 1
        print(f"{family}: LoRA against full: {time_:+.0%} time, {memory:+.0%} memory")


def measure(name: str, folder: Path, tiny: bool, steps: int, batch: int) -> dict[str, Any]:
    """Train a case in this process; returns tokens per second, share of the peak and memory.

    Args:
        name: Name of the case.
        folder: Keeps the base of a family for the next case.
        tiny: Use a tiny shape and a few steps.
        steps: Number of measured steps.
        batch: Examples per step; the case's own if 0.
    """
    from papertune.examples.tokens import Examples
    from papertune.footprint.architecture import read_architecture
    from papertune.footprint.peaks import training_peak
    from papertune.footprint.trained import Machine
    from papertune.models.loading import device_name, set_up_torch
    from papertune.study.recipe import Recipe
    from papertune.study.settings import ExampleForm, Training
    from papertune.training.callback import RunCallback
    from papertune.training.facts import device_label, peak_memory
    from papertune.training.methods import prepare
    from papertune.training.train import Run, fit

    case = CASES[name]
    length = 64 if tiny else 1024
    steps, warm = (2, 1) if tiny else (steps, WARM)
    batch = 4 if tiny else batch or case.batch
    set_up_torch(2 if device_name() == "cpu" else 8, seed=1)
    base = base_of(case.family, folder, tiny)
    training = Training(
        max_steps=warm + steps,
        batch_size=batch,
        learning_rate=1e-4,
        schedule="constant",
        order="given",
        max_length=length,
        evaluations=1,
        gradient_checkpointing=case.checkpointing,
        compile=case.compile and not tiny,
    )
    packed = length if case.packed else None
    form = {"packing": "whole", "length": length} if packed else {}
    examples = ExampleForm.model_validate({"loss": "all", **form})
    recipe = Recipe(method=case.method, training=training, examples=examples)
    model = prepare(base, recipe)
    vocabulary = model.config.vocab_size
    rows = texts((warm + steps) * batch, length, case.packed, vocabulary)
    marks: dict[int, float] = {}

    class Measured(Exception):
        """All steps are done: skip the last validation and a checkpoint of many gigabytes."""

    def mark(watch: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step in (warm, warm + steps):
            if device_name() == "cuda":
                import torch

                torch.cuda.synchronize()
            marks[state.global_step] = time.perf_counter()
        if state.global_step == warm + steps:
            raise Measured

    usual, RunCallback.on_step_end = RunCallback.on_step_end, mark  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as checkpoints:
            fit(
                model,
                tokenizer(),
                train=Examples(rows, packed=packed),
                validation=Examples(rows[:1], packed=packed),
                training=training,
                seed=1,
                run=Run(Path(checkpoints), name),
            )
    except Measured:
        pass
    finally:
        RunCallback.on_step_end = usual  # type: ignore[method-assign]
    seconds = marks[warm + steps] - marks[warm]
    lengths = [len(row["input_ids"]) for row in rows[warm * batch :]]
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    total = trained
    if hasattr(model, "peft_config"):  # two 4-bit weights share one stored number
        total = model.get_nb_trainable_parameters()[1]
    config = model.config.get_text_config()
    done = sum(
        n * operations(total - trained, trained, config.num_hidden_layers, config.hidden_size, n)
        for n in lengths
    )
    peak, arch = peak_of(device_label()), read_architecture(base)
    assert arch is not None
    # an upper bound if rows are not full, as packed ones here
    known = device_name() == "cuda" and not packed
    estimate = training_peak(arch, recipe, Machine(on_gpu=True, half=True)).tensors
    return {
        "rate": sum(lengths) / seconds,
        "share": done / seconds / peak if peak else None,
        "memory": peak_memory(),
        "estimate": estimate if known else None,
        "parameters": total,
        "trained": trained,
        "device": device_label(),
    }


def operations(frozen: int, trained: int, layers: int, width: int, length: int) -> int:
    """Floating-point operations of training per token (Chowdhery et al. 2022, appendix B).

    Args:
        frozen: Weights without a gradient: 2 operations forward and 2 backward for layers below.
        trained: Weights with a gradient: 2 more.
        layers: Number of the decoder's layers.
        width: Width of its layers, heads × head width.
        length: Tokens that attend to each other.
    """
    return 4 * frozen + 6 * trained + 12 * layers * width * length


def peak_of(device: str) -> float | None:
    """Dense bf16 operations per second of a GPU; ``None`` if it is not in the table."""
    words = f"{device.replace('-', ' ')} "  # distinguishes L40 from L4
    known = [name for name in PEAKS if words.startswith(f"{name} ")]
    return PEAKS[max(known, key=len)] if known else None


def texts(count: int, length: int, packed: bool, vocabulary: int) -> list[dict[str, list[int]]]:
    """Rows of random tokens that all count for the loss; packed ones vary in length."""
    draw, rows = random.Random(1), []
    for _ in range(count):
        size = draw.randrange(length // 16, 7 * length // 16) if packed else length
        ids = [draw.randrange(2, vocabulary) for _ in range(size)]
        rows.append({"input_ids": ids, "labels": ids})
    return rows


def base_of(family: str, folder: Path, tiny: bool) -> Path:
    """A folder with random weights in a family's shape, made once."""
    import torch
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

    from papertune.models.loading import device_name

    base = folder / family
    if base.exists():
        return base
    specials = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    config: Any
    if family == "gpt2":
        shape = {"n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 64, "vocab_size": 512}
        drop = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        config = GPT2Config(**(shape if tiny else {}), **drop, **specials)
    else:
        config = LlamaConfig(
            vocab_size=512 if tiny else 128256,
            hidden_size=64 if tiny else 3072,
            intermediate_size=128 if tiny else 8192,
            num_hidden_layers=2 if tiny else 28,
            num_attention_heads=2 if tiny else 24,
            num_key_value_heads=1 if tiny else 8,
            max_position_embeddings=131072,
            rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
            tie_word_embeddings=True,
            **specials,
        )
    with torch.device(device_name()):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(base)
    del model
    if device_name() == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return base


def tokenizer() -> Any:
    """A tokenizer used for its padding token only."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    empty = Tokenizer(WordLevel({"0": 0, "1": 1}, unk_token="1"))
    return PreTrainedTokenizerFast(tokenizer_object=empty, pad_token="0", eos_token="1")


if __name__ == "__main__":
    main()
