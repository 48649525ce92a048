"""Runs lm-evaluation-harness on a model in a folder."""

import json
import os
import subprocess
import sys
from pathlib import Path


def by_harness(model: Path, tasks: Path, task: str, output: Path) -> tuple[float, float]:
    """ROUGE-L and bits per byte of a model on a test set's two tasks in the folder ``tasks``."""
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", "--model", "hf", "--device", "cpu",
         "--model_args", f"pretrained={model.absolute()},dtype=float32", "--include_path", tasks,
         "--tasks", f"{task},{task}_likelihood", "--batch_size", "1", "--output_path", output],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [path] = output.rglob("results_*.json")
    found = json.loads(path.read_text())["results"]
    return found[task]["rouge_l,none"], found[f"{task}_likelihood"]["bits_per_byte,none"]
