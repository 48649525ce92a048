"""Measure the time from a training job's start to the end of its first step, on a tiny model.

    python benchmarks/startup.py [--method full] [--rounds 3] [--threads 2] [--packages 12]

Starts a new process for each round, as for a job: it imports, loads a tiny base and trains. Prints
the seconds until its first update is done (the fastest round counts), the imported libraries that
the method does not need, and the packages whose import took longest.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

MOST = 12.0  # seconds
# not needed for training on pairs; bitsandbytes is for qlora and some optimisers only
NEEDLESS = (
    "bitsandbytes",
    "datasets",
    "matplotlib",
    "nltk",
    "pandas",
    "playwright",
    "pyarrow",
    "scipy",
    "sentence_transformers",
    "sklearn",
    "snakemake",
    "torch.utils.tensorboard",
    "torchvision",
)
# transformers always imports these: its generation imports torch.distributed, its masks
# torch._dynamo, and both sympy; its Trainer imports peft
TAKEN_ALONG = (
    "peft",
    "sympy",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.fsdp",
    "torch.distributed.tensor",
    "torch.onnx",
)
DONE = "first step done "


def main() -> None:
    """Measure and print, or run one round as a child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=("full", "lora", "qlora"), default="full")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--packages", type=int, default=12)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train_there(Path(options.one), options.method, options.threads)
        return
    with tempfile.TemporaryDirectory(prefix="papertune-startup-") as folder:
        prepare(Path(folder))
        command = [__file__, "--one", folder]
        command += ["--method", options.method, "--threads", str(options.threads)]
        start([], command)  # warm-up: the first run reads everything from disk
        rounds = [start([], command) for _ in range(options.rounds)]
        _, loaded, imports = start(["-X", "importtime"], command)
    seconds = [spent for spent, _, _ in rounds]
    every = ", ".join(f"{one:.1f}" for one in seconds)
    print(f"{options.method}, from the start to the end of the first step, in seconds: {every}")
    allowed = {"bitsandbytes"} if options.method == "qlora" else set()
    found = [name for name in NEEDLESS if name in loaded and name not in allowed]
    taken = [name for name in TAKEN_ALONG if name in loaded]
    print(f"imported by transformers unasked: {', '.join(taken) or 'nothing'}")
    print(f"{len(loaded)} modules; the packages that took longest, in seconds while measured:")
    for name, took in imports.most_common(options.packages):
        print(f"  {took:5.2f} {name}")
    print(f"imported and not needed: {', '.join(found) or 'nothing'} (nothing may be)")
    print(f"start-up: {min(seconds):.1f} s (at most {MOST:.0f} s)")
    sys.exit(bool(found) or min(seconds) > MOST)


def start(flags: list[str], command: list[str]) -> tuple[float, list[str], Counter[str]]:
    """Seconds of one process until its first step is done, its modules, and seconds per import."""
    began = time.monotonic()
    process = subprocess.run(
        [sys.executable, *flags, *command],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[:2])},
    )
    told = [line for line in process.stdout.splitlines() if line.startswith(DONE)]
    if process.returncode or not told:
        sys.exit(f"the job failed:\n{process.stderr[-4000:]}")
    facts = json.loads(told[0].removeprefix(DONE))
    imports: Counter[str] = Counter()
    for line in process.stderr.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if line.startswith("import time:") and own.strip().isdigit():
            name = rest.partition("|")[2].strip()
            imports[".".join(name.split(".")[:2])] += int(own) / 1e6
    return facts["at"] - began, facts["modules"], imports


def prepare(folder: Path) -> None:
    """A tiny base and pairs."""
    from papertune.pairfile import write_pairs
    from papertune.records import Pair
    from tiny_models import make_model

    make_model(folder / "base")
    pairs = [
        Pair(f"{n:016x}", f"{n:016x}", 2010, "Answer", "the cache", f"what is {n}", "it", "rules")
        for n in range(16)
    ]
    for split in ("train", "validation"):
        write_pairs(folder / f"{split}.parquet", pairs)


def train_there(folder: Path, method: str, threads: int) -> None:
    """Train as a job does; report when the first step is done."""
    from papertune.study.recipe import Recipe
    from papertune.study.settings import Training
    from papertune.training import train as training

    def tell(watch: object, *arguments: object, **how: object) -> None:
        facts = {"at": time.monotonic(), "modules": sorted(sys.modules)}
        print(f"{DONE}{json.dumps(facts)}", flush=True)
        os._exit(0)

    def at_first_step(*arguments: object, **how: object) -> object:
        from papertune.training.callback import RunCallback  # fit() imports it

        RunCallback.on_step_end = tell  # type: ignore[method-assign]
        return fit(*arguments, **how)  # type: ignore[arg-type]

    fit, training.fit = training.fit, at_first_step  # type: ignore[assignment]
    training.train(
        Recipe(
            method=method,
            training=Training(epochs=1, batch_size=4, max_length=64),
            prompt="$instruction $context $question",
        ),
        train=[folder / "train.parquet"],
        validation=[folder / "validation.parquet"],
        base=folder / "base",
        seed=1,
        output=folder / "model",
        checkpoints=folder / "checkpoints",
        threads=threads,
    )


if __name__ == "__main__":
    main()
