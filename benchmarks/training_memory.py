"""Compare the memory estimate with the memory that training takes.

    python benchmarks/training_memory.py [--only lora] [--gpu]

Trains random models for two updates, each in its own process, with all examples as long as
``max_length``, and prints the estimate, the measured memory and their ratio; with several
processes, for the first one. On a CPU, the peak resident memory of the process is measured; on a
GPU, torch's peak of allocated and of reserved memory. On a GPU the estimate may be up to 5 % too
small or 20 % too large, on a CPU never too small and up to 50 % too large.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from papertune.footprint.architecture import read_architecture
from papertune.footprint.peaks import training_peak
from papertune.footprint.trained import Machine
from papertune.study.recipe import Recipe
from papertune.study.settings import ExampleForm, Freeze, Lora, Training

GPU_LIMITS, CPU_LIMITS = (0.95, 1.2), (0.99, 1.5)
UPDATES = 2


@dataclass(frozen=True)
class Case:
    """One training: a random base and a recipe."""

    name: str
    base: dict[str, Any]
    method: str = "full"
    training: dict[str, Any] = field(default_factory=dict)
    lora: dict[str, Any] = field(default_factory=dict)
    freeze: dict[str, Any] | None = None
    examples: dict[str, Any] = field(default_factory=lambda: {"loss": "all"})
    processes: int = 1
    sharded: bool = False

    def machine(self, *, on_gpu: bool, half: bool) -> Machine:
        """The machine that trains."""
        return Machine(on_gpu, half, self.processes, self.sharded)

    def recipe(self) -> Recipe:
        """The recipe, as settings."""
        return Recipe(
            method=self.method,
            training=Training(max_steps=UPDATES, evaluations=1, **self.training),
            lora=Lora(**self.lora),
            prompt="$instruction $context $question",
            sharded=self.sharded,
            freeze=Freeze(**self.freeze) if self.freeze else None,
            examples=ExampleForm(**self.examples),
        )


def gpt2(width: int, layers: int, vocabulary: int = 50257, **more: Any) -> dict[str, Any]:
    """A GPT-2 with its usual dropout."""
    sizes = {"n_embd": width, "n_layer": layers, "n_head": width // 64, "n_positions": 1024}
    return {"model_type": "gpt2", "vocab_size": vocabulary, **sizes, **more}


def llama(
    width: int, layers: int, vocabulary: int = 32000, family: str = "llama", **more: Any
) -> dict[str, Any]:
    """A Llama, or a similar model, with heads that share keys and values."""
    return {
        "model_type": family,
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": 11 * width // 4,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 64,
        "num_key_value_heads": max(1, width // 128),
        "head_dim": 64,
        "max_position_embeddings": 2048,
        **more,
    }


def falcon(width: int, layers: int) -> dict[str, Any]:
    """A Falcon with a single key head."""
    return {
        "model_type": "falcon",
        "vocab_size": 20000,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 64,
    }


CPU = [
    Case("GPT-2 124M, 4 × 256", gpt2(768, 12), training={"batch_size": 4, "max_length": 256}),
    Case("GPT-2 124M, 1 × 128", gpt2(768, 12), training={"batch_size": 1, "max_length": 128}),
    Case(
        "GPT-2 124M, 4 × 256, checkpointing",
        gpt2(768, 12),
        training={"batch_size": 4, "max_length": 256, "gradient_checkpointing": True},
    ),
    Case("GPT-2 124M, LoRA", gpt2(768, 12), "lora", {"batch_size": 4, "max_length": 256}),
    Case(
        "GPT-2 124M, LoRA with dropout",
        gpt2(768, 12),
        "lora",
        {"batch_size": 4, "max_length": 256},
        {"dropout": 0.05, "rank": 64},
    ),
    Case(
        "GPT-2 124M, first 8 frozen",
        gpt2(768, 12),
        "freeze",
        {"batch_size": 4, "max_length": 256},
        freeze={"first": 8},
    ),
    Case("Llama 60M, 8 × 256", llama(512, 8), training={"batch_size": 8, "max_length": 256}),
    Case("Llama 60M, 2 × 1024", llama(512, 8), training={"batch_size": 2, "max_length": 1024}),
    Case(
        "Llama 60M, 8 × 256, accumulated",
        llama(512, 8),
        training={"batch_size": 8, "max_length": 256, "accumulation": 2},
    ),
    Case(
        "Llama 60M, 8 × 256, SGD",
        llama(512, 8),
        training={"batch_size": 8, "max_length": 256, "optimizer": "sgd"},
    ),
    Case(
        "Llama 60M, 8 × 256, AdamW in 8 bit",
        llama(512, 8),
        training={"batch_size": 8, "max_length": 256, "optimizer": "adamw_8bit"},
    ),
    Case(
        "Llama 60M, LoRA, checkpointing",
        llama(512, 8),
        "lora",
        {"batch_size": 16, "max_length": 256, "gradient_checkpointing": True},
    ),
    Case(
        "Llama 60M, packed in rows of 512",
        llama(512, 8),
        training={"batch_size": 8, "max_length": 256},
        examples={"loss": "all", "packing": "whole", "length": 512},
    ),
    Case(
        "Qwen3 40M, 8 × 256",
        llama(512, 6, 16000, "qwen3"),
        training={"batch_size": 8, "max_length": 256},
    ),
    Case(
        "Gemma2 60M, LoRA",
        llama(512, 8, 64000, "gemma2"),
        "lora",
        {"batch_size": 4, "max_length": 256},
    ),
    Case("Falcon 40M, 8 × 256", falcon(512, 8), training={"batch_size": 8, "max_length": 256}),
    Case(
        "Llama 30M, small vocabulary",
        llama(512, 8, 4000),
        training={"batch_size": 16, "max_length": 256},
    ),
    Case(
        "Llama 60M, 8 × 256, two processes",
        llama(512, 8),
        training={"batch_size": 8, "max_length": 256},
        processes=2,
    ),
    Case(
        "Llama 60M, 8 × 256, two with parts",
        llama(512, 8),
        training={"batch_size": 8, "max_length": 256},
        processes=2,
        sharded=True,
    ),
    Case(
        "GPT-2 124M, LoRA, two with parts",
        gpt2(768, 12),
        "lora",
        {"batch_size": 4, "max_length": 256},
        processes=2,
        sharded=True,
    ),
    Case(
        "Llama 30M, other shape",
        llama(384, 6),
        training={"batch_size": 8, "max_length": 256},
    ),
]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--gpu", action="store_true", help="cases that suit a GPU")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options.child)))
        return
    chosen = [case for case in (GPU if options.gpu else CPU) if options.only in case.name]
    least, most = GPU_LIMITS if options.gpu else CPU_LIMITS
    bad = 0
    for case in chosen:
        estimate, measured, note = measure(case, on_gpu=options.gpu)
        ratio = estimate / measured
        wrong = not least <= ratio <= most
        bad += wrong
        print(
            f"{case.name:40} estimate {estimate / 1e6:7.0f} MB  measured {measured / 1e6:7.0f} MB  "
            f"{ratio:.2f}{' !!' if wrong else ''}  {note}",
            flush=True,
        )
    print(f"{len(chosen) - bad} of {len(chosen)} within {least}–{most}")
    sys.exit(bool(bad))


def measure(case: Case, *, on_gpu: bool = False) -> tuple[float, float, str]:
    """Estimated and measured bytes, and the phase that decides the estimate."""
    with tempfile.TemporaryDirectory(prefix="papertune-memory-") as name:
        folder = Path(name)
        (folder / "base").mkdir()
        work = {"folder": name, "base": case.base, "training": case.recipe().training.model_dump()}
        _run({**work, "do": "make"})
        found = _run({**work, "do": "train", "case": vars(case)})
        arch = read_architecture(folder / "base")
    assert arch is not None
    machine = case.machine(on_gpu=on_gpu, half=found["half"])
    peak = training_peak(arch, case.recipe(), machine)
    taken = sorted(peak.phases.items(), key=lambda item: -item[1])
    note = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in taken)
    assert found["parameters"] == arch.parameters, (found["parameters"], arch.parameters)
    if on_gpu:
        note = f"(with all that the GPU holds {peak.device / found['held']:.2f})  {note}"
    return (peak.tensors if on_gpu else peak.host), found["peak"], note


def _run(task: dict[str, Any]) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, __file__, "--child", json.dumps(task)],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


# ---- in the measured process --------------------------------------------------------------------


def child(text: str) -> dict[str, Any]:
    """Make a base and its data, or train on it and return the memory."""
    task = json.loads(text)
    folder = Path(task["folder"])
    return make(folder, task) if task["do"] == "make" else train_once(folder, task["case"])


def make(folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """A random base with a tokenizer, and pairs longer than ``max_length``."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from papertune.pairfile import write_pairs
    from papertune.records import Pair
    from papertune.study.settings import Tokenizer
    from papertune.training.data import Text
    from papertune.training.pretraining import make_tokenizer

    words = "a model reads abstracts and answers questions about what it has read"
    tokenizer = make_tokenizer([Text("", words)], Tokenizer(vocabulary=320), 1 << 20)
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    config = AutoConfig.for_model(**task["base"], **ends)
    on_gpu = torch.cuda.is_available()  # initializes large models in seconds
    with torch.device("cuda" if on_gpu else "cpu"):
        dtype = torch.bfloat16 if on_gpu else torch.float32
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    training = task["training"]
    long = " ".join([words] * training["max_length"])
    answer = " ".join(words.split()[:3])
    for split, count in (
        ("train", UPDATES * training["batch_size"] * training["accumulation"]),
        ("validation", max(16, training["batch_size"])),
    ):
        pairs = (
            Pair(f"{n}", f"{n}", 2020, "Answer", f"{n} {long}", "What is it?", answer, "made")
            for n in range(count)
        )
        write_pairs(folder / f"{split}.parquet", pairs)
    return {}


def train_once(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Train as a job does; returns the memory used."""
    from papertune.jobs.workers import Workers, run
    from papertune.training.train import train

    case = Case(**values)
    recipe = case.recipe()
    run(
        train,
        Workers(each=case.processes, threads=case.processes),
        recipe=recipe,
        train=[folder / "train.parquet"],
        validation=[folder / "validation.parquet"],
        base=folder / "base",
        seed=1,
        output=folder / "model",
        checkpoints=folder / "checkpoints",
    )
    import torch

    facts = json.loads((folder / "model" / "training.json").read_text())
    on_gpu = torch.cuda.is_available()
    parameters = facts["total_parameters"]
    if recipe.with_adapters:
        parameters -= facts["trainable_parameters"]
    peak = torch.cuda.max_memory_allocated() if on_gpu else resident()
    return {
        "peak": facts["peak_memory_bytes"] if case.processes > 1 else peak,
        "held": held_by_gpu() if on_gpu else 0,
        "half": on_gpu and torch.cuda.is_bf16_supported(),
        "parameters": parameters,
    }


def held_by_gpu() -> int:
    """Memory in use on the GPU by all processes: torch's reserved memory, and contexts."""
    import torch

    free, total = torch.cuda.mem_get_info()
    return int(total - free)


def resident() -> int:
    """The peak resident memory of this process so far, without its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


LLAMA_3B = llama(
    3072, 28, 128256, num_attention_heads=24, num_key_value_heads=8, head_dim=128,
    intermediate_size=8192, tie_word_embeddings=True,
)  # fmt: skip
QWEN_3B = llama(
    2048, 36, 151936, "qwen2", num_attention_heads=16, num_key_value_heads=2, head_dim=128,
    intermediate_size=11008, tie_word_embeddings=True,
)  # fmt: skip
GPU = [
    *(
        Case(
            f"{name} shape, QLoRA, {batch} × {length}{', checkpointing' * checkpoints}{about}",
            base,
            "qlora",
            {"batch_size": batch, "max_length": length, "gradient_checkpointing": checkpoints},
            examples={"loss": "answer" if about else "all"},
        )
        for name, base, batch, length, checkpoints, about in (
            ("Llama-3.2-3B", LLAMA_3B, 4, 1024, True, ""),
            ("Qwen2.5-3B", QWEN_3B, 4, 1024, True, ""),
            ("Qwen2.5-3B", QWEN_3B, 2, 512, False, ""),
            ("Llama-3.2-3B", LLAMA_3B, 4, 1024, True, ", short answers"),
        )
    ),
    Case(
        "GPT-2 124M, 8 × 1024, bf16",
        gpt2(768, 12),
        training={"batch_size": 8, "max_length": 1024},
    ),
    Case(
        "Llama 1.2B shape, LoRA, 4 × 1024",
        llama(2048, 16, 128256, tie_word_embeddings=True, intermediate_size=8192),
        "lora",
        {"batch_size": 4, "max_length": 1024},
    ),
    Case(
        "Llama 1.2B shape, QLoRA, checkpointing",
        llama(2048, 16, 128256, tie_word_embeddings=True, intermediate_size=8192),
        "qlora",
        {"batch_size": 4, "max_length": 1024, "gradient_checkpointing": True},
    ),
    Case(
        "Llama 1.2B shape, full, checkpointing",
        llama(2048, 16, 128256, tie_word_embeddings=True, intermediate_size=8192),
        training={"batch_size": 2, "max_length": 1024, "gradient_checkpointing": True},
    ),
]

if __name__ == "__main__":
    main()
